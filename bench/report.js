const COMPARABLE = /^(cold start|CPU|RSS|PSS)/;

/** The results as text: a table of medians, and tables of ratios for the figures that are worth comparing. */
export function report({ date, node, cpu, effort, figures, connections, ratios }) {
  return [
    `Node ${node}, ${cpu}, ${date}; medians of ${effort.starts} starts and ${effort.rounds} rounds of load.`,
    'A ratio is the median of the ratios of each turn, in which one followed the other.',
    'CPU time is the figure to trust; wall time, requests per second and latencies tell of the machine as well.',
    table('', figures, ({ median }) => median.toLocaleString('en')),
    table('this service with connections', connections, ({ median }) => median.toLocaleString('en')),
    ...Object.entries(ratios).map(([base, values]) =>
      table(
        `to ${base}`,
        Object.fromEntries(Object.entries(values).filter(([figure]) => COMPARABLE.test(figure))),
        (ratio) => ratio.toFixed(ratio < 10 ? 2 : 1),
      ),
    ),
  ].join('\n\n');
}

/** A Markdown table, a row a figure and a column a contestant. */
function table(title, rows, show) {
  const lines = Object.entries(rows).map(([figure, byName]) => [figure].concat(Object.values(byName).map(show)));
  const head = [title, ...Object.keys(Object.values(rows)[0])];
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((cells) => cells[column].length)));
  const row = (cells) =>
    `| ${cells.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`;
  return [row(head), rule, ...lines.map(row)].join('\n');
}
