import type { History, Life } from './deploy.js';

const WIDTH = 860;
const LEFT = 90;
const LANE = 22;
const GRAPH = 80;

const STYLE = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
  .serving { fill: #0969da }
  .draining { fill: #0969da; opacity: 0.4 }
  .rate { fill: none; stroke: #59636e; stroke-width: 1.5 }
  .lost { fill: #b3001b }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .serving, .draining { fill: #4493f8 }
    .rate { stroke: #9198a1 }
    .lost { fill: #ff8182 }
  }`;

/** Draws a rolling deploy as an SVG: when each instance served and drained, and the answers and losses per second. */
export function draw({ lives, requests }: History): string {
  const seconds = Math.max(requests.length, 1);
  const most = Math.max(...requests.map(({ answered, lost }) => Math.max(answered, lost)), 1);
  const x = (at: number) => (LEFT + (Math.min(at, seconds) / seconds) * (WIDTH - LEFT - 10)).toFixed(1);
  const floor = lives.length * LANE + GRAPH + 20;
  const y = (count: number) => (floor - (count / most) * GRAPH).toFixed(1);
  const bar = (kind: string, from: number, to: number, lane: number) =>
    `<rect class="${kind}" x="${x(from)}" y="${lane * LANE + 4}" width="${(Number(x(to)) - Number(x(from))).toFixed(1)}" height="${LANE - 6}" rx="2"/>`;
  const lanes = lives.flatMap(({ port, ready, draining = seconds, ended = seconds }, lane) => [
    `<text x="${LEFT - 8}" y="${lane * LANE + 16}" text-anchor="end">port ${port}</text>`,
    bar('serving', ready, draining, lane),
    bar('draining', draining, ended, lane),
  ]);
  const rate = requests.map(({ answered }, second) => `${x(second + 0.5)},${y(answered)}`).join(' ');
  const losses = requests.flatMap(({ lost }, second) =>
    lost > 0
      ? [
          `<rect class="lost" x="${x(second)}" y="${y(lost)}" width="6" height="${(floor - Number(y(lost))).toFixed(1)}"/>`,
        ]
      : [],
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${floor + 26}" viewBox="0 0 ${WIDTH} ${floor + 26}" role="img" aria-labelledby="title">
<title id="title">${inWords({ lives, requests })}</title>
<style>${STYLE}
</style>
${lanes.join('\n')}
<text x="${LEFT - 8}" y="${floor - GRAPH + 10}" text-anchor="end">${most}/s</text>
<polyline class="rate" points="${rate}"/>
${losses.join('\n')}
<text x="${LEFT}" y="${floor + 18}">${inWords({ lives, requests })}</text>
</svg>
`;
}

/** Prints the same as text, with one line per instance. A column stands for one second, or more in a long deploy. */
export function print({ lives, requests }: History): string {
  const step = Math.ceil(requests.length / 72) || 1;
  const columns = Array.from({ length: Math.ceil(requests.length / step) }, (_, column) => column * step);
  const lanes = lives.map(
    (life) => `${String(life.port).padStart(6)}  ${columns.map((at) => mark(life, at)).join('')}`,
  );
  const lost = columns.map((at) => (requests.slice(at, at + step).some((each) => each.lost > 0) ? '!' : '·'));
  return [...lanes, `  lost  ${lost.join('')}`, inWords({ lives, requests })].join('\n');
}

function mark({ ready, draining = Infinity, ended = Infinity }: Life, at: number): string {
  if (at < ready || at >= ended) return ' ';
  return at < draining ? '█' : '▒';
}

function inWords({ lives, requests }: History): string {
  const [answered, lost] = [requests.map((each) => each.answered), requests.map((each) => each.lost)].map((counts) =>
    counts.reduce((total, count) => total + count, 0),
  );
  const replaced = lives.filter(({ ended }) => ended !== undefined).length;
  return `${replaced} instances replaced in ${requests.length} s: ${answered} requests answered, ${lost} lost.`;
}
