/** Lines of a table whose columns are as wide as their widest cell, two spaces apart. */
export function textTable(grid: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const line of grid) {
    for (const [column, text] of line.entries()) widths[column] = Math.max(widths[column] ?? 0, text.length);
  }
  return grid.map((line) =>
    line
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
