// commands-are-the-outermost leads here
export const entry = 1;
