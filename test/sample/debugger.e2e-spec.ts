import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { freePort } from 'port-binding/check/ports';
import { copyProject } from '../support/project.js';
import { Program, start } from '../support/service.js';

interface Message {
  id?: number;
  result?: object;
  method?: string;
  params?: { url: string; callFrames: { functionName: string; location: { lineNumber: number } }[] };
}

/** What an editor does, by the debugger's protocol: https://chromedevtools.github.io/devtools-protocol/v8/Debugger/ */
class Editor {
  private readonly heard: Message[] = [];
  private requests = 0;

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (text: Buffer) => this.heard.push(JSON.parse(text.toString()) as Message));
  }

  static async attach(port: number): Promise<Editor> {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`);
    const [target] = (await response.json()) as [{ webSocketDebuggerUrl: string }];
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await once(socket, 'open');
    return new Editor(socket);
  }

  async ask(method: string, params = {}): Promise<object | undefined> {
    const id = ++this.requests;
    this.socket.send(JSON.stringify({ id, method, params }));
    return (await this.hears((message) => message.id === id)).result;
  }

  async hears(wanted: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const message = this.heard.find(wanted);
      if (message) return message;
      await once(this.socket, 'message');
    }
  }
}

it("npm run start:dev stops at an editor's breakpoint, on the line of TypeScript that it is set on", async () => {
  const cwd = copyProject({ dependencies: true });
  const [port, debugPort] = [await freePort(), await freePort()];
  const npm = new Program('npm', ['run', 'start:dev', '--', `--debug=${debugPort}`], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: String(port) },
    detached: true,
  });
  await npm.listening();
  const editor = await Editor.attach(debugPort);
  await editor.ask('Debugger.enable'); // answered when all scripts are told that there are

  const source = join(cwd, 'src/instance/instance.controller.ts');
  const statement = 'uptime: Math.floor(process.uptime())';
  const lineOf = (file: string) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .findIndex((text) => text.includes(statement));
  const dist = pathToFileURL(join(cwd, 'dist')).href;
  const { params } = await editor.hears(
    ({ params: { url } = { url: '' } }) => url?.startsWith(dist) && lineOf(fileURLToPath(url)) >= 0,
  );
  const url = params!.url;
  const script = fileURLToPath(url);
  const lineNumber = lineOf(script);

  const map = JSON.parse(readFileSync(`${script}.map`, 'utf8')) as SourceMapPayload;
  const { originalSource, originalLine } = new SourceMap(map).findEntry(lineNumber, Infinity) as {
    originalSource: string;
    originalLine: number;
  };
  expect([resolve(dirname(script), originalSource), originalLine]).toEqual([source, lineOf(source)]);

  expect(await editor.ask('Debugger.setBreakpointByUrl', { url, lineNumber })).toMatchObject({
    locations: [{ lineNumber }],
  });
  const answer = fetch(`http://127.0.0.1:${port}/`);
  const paused = await editor.hears(({ method }) => method === 'Debugger.paused');
  expect(paused.params!.callFrames[0]).toMatchObject({ functionName: 'describe', location: { lineNumber } });
  await editor.ask('Debugger.resume');
  expect((await answer).status).toBe(200);
  process.kill(-npm.process.pid!, 'SIGKILL');
});

it("opens no debugger's port at SIGUSR1", async () => {
  const { service, url } = await start({ DRAIN_DELAY_MS: '500' });
  service.kill('SIGUSR1');
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
  service.kill('SIGTERM');
  expect(await service.exit).toEqual({ code: 0, signal: null });
  expect(service.stderr).toBe('');
});
