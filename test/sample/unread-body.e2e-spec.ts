import { request } from 'node:http';
import { expect, it } from '@jest/globals';
import { NGINX } from '../balancers/nginx.js';
import { PROXY_PASS, startNginx } from '../rolling/nginx.js';
import { describeWith } from '../support/requirement.js';
import { start } from '../support/service.js';

const UPLOAD = Buffer.alloc(1_000_000, 1);

/** Sends a body that nobody reads, and gives the status of the answer, or what came in its place. */
function upload(port: number, chunked: boolean): Promise<number | string | undefined> {
  return new Promise((done) => {
    const headers = {
      'Content-Type': 'application/octet-stream',
      ...(!chunked && { 'Content-Length': UPLOAD.length }),
    };
    const outgoing = request({ port, host: '127.0.0.1', method: 'POST', agent: false, headers }, (response) => {
      response.on('error', (error) => done(error.message));
      response.on('end', () => done(response.statusCode));
      response.resume();
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => done(error.code));
    outgoing.end(UPLOAD);
  });
}

const uploads = (port: number) => Promise.all(Array.from({ length: 40 }, (_, index) => upload(port, index % 2 === 0)));
const ANSWERED = Array.from({ length: 40 }, () => 405);
const ways = Object.keys(PROXY_PASS) as (keyof typeof PROXY_PASS)[];

describeWith(
  NGINX !== undefined,
  'nginx',
  'Install it: apt-get install nginx-light',
)('the answer to an upload that nobody reads, behind nginx', () => {
  it.each(ways)('arrives from an instance that serves (%s)', async (way) => {
    const { port } = await start();
    expect(await uploads(await startNginx(port, way))).toEqual(ANSWERED);
  });

  it.each(ways)('arrives from an instance that drains (%s)', async (way) => {
    const { service, port } = await start({ DRAIN_DELAY_MS: '20000', SHUTDOWN_TIMEOUT_MS: '25000' });
    const nginx = await startNginx(port, way);
    service.kill('SIGTERM');
    await service.logged(/^SIGTERM: draining$/);
    expect(await uploads(nginx)).toEqual(ANSWERED);
  });
});
