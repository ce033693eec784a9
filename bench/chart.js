const PANELS = [
  { title: 'Cold start, CPU time', figure: 'cold start, CPU ms', unit: 'ms' },
  { title: 'Memory after start, RSS', figure: 'RSS MB after start', unit: 'MB' },
  { title: 'CPU time per request, /', figure: 'CPU µs per request, / at 32', unit: 'µs' },
  { title: 'CPU time per request, /health/live', figure: 'CPU µs per request, /health/live at 32', unit: 'µs' },
];
const BASE = 'node:http';
const OURS = 'this service';

const WIDTH = 860;
const PANEL = { width: 420, height: 246, left: 104, bar: 192, row: 28, thickness: 18 };

const STYLE = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .ours { font-weight: 600 }
  .note { fill: #59636e; font-size: 12px }
  rect { fill: #afb8c1 }
  rect.ours { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .note { fill: #9198a1 }
    rect { fill: #59626c }
    rect.ours { fill: #4493f8 }
  }`;

/** The main figures as an SVG that follows the reader's light or dark scheme. */
export function chart(results) {
  const { node, cpu, effort } = results;
  const height = 2 * PANEL.height + 34;
  const note =
    `Shorter is better; × = times raw node:http. Node ${node}, ${cpu}, ` +
    `medians of ${effort.starts} starts and ${effort.rounds} rounds at 32 connections.`;
  const panels = PANELS.map((each, index) => panel(each, results, index % 2, Math.floor(index / 2)));

  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title desc">
<title id="title">What a start and a request cost, compared</title>
<desc id="desc">${escape(PANELS.map((each) => inWords(each, results)).join(' '))}</desc>
<style>${STYLE}
</style>
${panels.join('\n')}
<text class="note" x="8" y="${height - 12}">${escape(note)}</text>
</svg>
`;
}

function panel({ title, figure, unit }, { figures, ratios }, column, line) {
  const longest = Math.max(...Object.values(figures[figure]).map(({ median }) => median));
  const bars = Object.entries(figures[figure]).map(([name, { median }], index) => {
    const y = 36 + index * PANEL.row;
    const length = Math.max(1, (median / longest) * PANEL.bar).toFixed(1);
    const ours = name === OURS ? ' class="ours"' : '';
    return `<text${ours} x="${PANEL.left - 8}" y="${y + 13.5}" text-anchor="end">${escape(name)}</text>
<rect${ours} x="${PANEL.left}" y="${y}" width="${length}" height="${PANEL.thickness}" rx="2"/>
<text${ours} x="${PANEL.left + Number(length) + 8}" y="${y + 13.5}">${median} ${unit} · ${times(ratios, figure, name)}</text>`;
  });
  return `<g transform="translate(${8 + column * (PANEL.width + 12)} ${line * PANEL.height})">
<text class="title" y="22">${escape(title)}</text>
${bars.join('\n')}
</g>`;
}

function inWords({ title, figure, unit }, { figures, ratios }) {
  const each = Object.entries(figures[figure]).map(
    ([name, { median }]) => `${name} ${median} ${unit} (${times(ratios, figure, name)})`,
  );
  return `${title}: ${each.join(', ')}.`;
}

function times(ratios, figure, name) {
  return `${ratios[BASE][figure][name].toFixed(1)}×`;
}

function escape(text) {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}
