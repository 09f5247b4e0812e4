/** The LIKE pattern for texts that contain `part`, in which `%` and `_` mean themselves. */
export function containing(part: string): string {
  return `%${part.replace(/[\\%_]/g, String.raw`\$&`)}%`;
}
