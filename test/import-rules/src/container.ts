export const container = 'container';
