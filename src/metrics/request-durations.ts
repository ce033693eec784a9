import type { ServerResponse } from 'node:http';
import type { Request } from 'express';

/** Those of HTTP; whatever else a client makes up is one: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE'];

/** In seconds, as the same document advises. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

const NAME = 'http_server_request_duration_seconds';

type Labels = Record<string, string | number>;

interface Value {
  metricName: string;
  labels: Labels;
  sharedLabels: Labels;
  value: number;
}

/** Of requests with the same labels, in seconds. */
class Durations {
  /** How many took longer than the bound of one bucket, and no longer than that of the next. */
  readonly counts = BUCKETS.map(() => 0);
  count = 0;
  sum = 0;

  constructor(readonly labels: Labels) {}

  add(seconds: number): void {
    this.count++;
    this.sum += seconds;
    let bucket = 0;
    while (seconds > BUCKETS[bucket]!) bucket++;
    if (bucket < BUCKETS.length) this.counts[bucket]!++;
  }
}

/**
 * How long requests took, by method, route, status and kind of error. prom-client writes it out; its own histogram makes a
 * text of the labels for each request, which would cost twenty times of what this does, and it would have to be loaded at
 * the start.
 */
export class RequestDurations {
  readonly name = NAME;
  readonly help = 'From the header of a request to the end of its answer.';
  readonly type = 'histogram';
  private readonly byRoute = new Map<string, Map<number, Durations>>();

  /** @param ms from the header of the request to the end of the answer */
  add(response: ServerResponse, ms: number): void {
    const { method, route } = response.req as Request;
    const path: string = route?.path ?? '';
    let durations = this.byRoute.get(path);
    if (durations === undefined) this.byRoute.set(path, (durations = new Map()));

    const status = response.headersSent ? response.statusCode : 0;
    const whole = response.writableFinished;
    const key = (METHODS.indexOf(method) * 2 + Number(whole)) * 1000 + status;
    let kind = durations.get(key);
    if (kind === undefined) durations.set(key, (kind = new Durations(labelsOf(method, path, status, whole))));
    kind.add(ms / 1000);
  }

  /** In the form in which prom-client takes a metric that is not its own. */
  async get() {
    const values: Value[] = [];
    for (const durations of this.byRoute.values()) {
      for (const { labels: sharedLabels, counts, count, sum } of durations.values()) {
        let upTo = 0;
        const bucket = (le: number | string, value: number) =>
          values.push({ metricName: `${NAME}_bucket`, labels: { le }, sharedLabels, value });
        BUCKETS.forEach((le, index) => bucket(le, (upTo += counts[index]!)));
        bucket('+Inf', count);
        values.push({ metricName: `${NAME}_sum`, labels: {}, sharedLabels, value: sum });
        values.push({ metricName: `${NAME}_count`, labels: {}, sharedLabels, value: count });
      }
    }
    return { name: NAME, help: this.help, type: this.type, values };
  }
}

function labelsOf(method: string, path: string, status: number, whole: boolean): Labels {
  const error = status >= 500 ? String(status) : '';
  return {
    http_request_method: METHODS.includes(method) ? method : '_OTHER',
    http_route: path,
    http_response_status_code: status || '',
    error_type: whole ? error : 'cut_off',
  };
}
