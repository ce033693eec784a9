import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { freePort } from 'port-binding/check/ports';
import packageJson from '../package.json' with { type: 'json' };
import { copyProject } from './support/project.js';
import { Program } from './support/service.js';

// https://devcenter.heroku.com/articles/nodejs-support#build-behavior
it('starts from its Procfile after what the Node.js buildpack does, and ends well when the dyno is shut down', async () => {
  const app = copyProject({ dependencies: false });
  const npm = (...args: string[]) => execFileSync('npm', args, { cwd: app, stdio: 'pipe' });
  npm('ci');
  npm('run', 'build');
  npm('prune', '--omit=dev');

  const [, web] = /^web: (.+)$/m.exec(readFileSync('Procfile', 'utf8'))!;
  expect(web).toBe(packageJson.scripts['start:prod']);
  const port = await freePort();
  const dyno = new Program('sh', ['-c', web!], {
    cwd: app,
    env: { PATH: process.env['PATH'], PORT: String(port) },
    detached: true,
  });
  expect(await dyno.listening()).toBe(port);
  const statuses = ['127.0.0.1', '[::1]'].map(
    async (host) => (await fetch(`http://${host}:${port}/health/ready`)).status,
  );
  expect(await Promise.all(statuses)).toEqual([200, 200]);

  // To every process of the dyno, and repeated: https://devcenter.heroku.com/articles/dyno-shutdown-behavior
  process.kill(-dyno.process.pid!, 'SIGTERM');
  process.kill(-dyno.process.pid!, 'SIGTERM');
  expect(await dyno.exit).toEqual({ code: 0, signal: null });
  expect(() => process.kill(-dyno.process.pid!, 0)).toThrow('ESRCH');
});
