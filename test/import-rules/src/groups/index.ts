export const groups = 'groups';
