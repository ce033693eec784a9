// Takes V8's code cache when the program has started and answered, with `node dist/fill.js`. By the very Node that will
// run the program, and with its flags.
'use strict';
const { spawnSync } = require('node:child_process');
const events = require('node:events');
const { get } = require('node:http');
const { createServer, Server } = require('node:net');

/** A program that does not answer by then keeps what it has compiled; one that does not even notice is killed. */
const LIMIT_MS = 15_000;
const KILL_MS = 20_000;

/** With what the program compiles for requests in it. Any answer will do: a fork may have moved them. */
const PATHS = ['/', '/health', '/health/ready', '/health/live'];

/** Never fails, as a build need not be able to start the program: it may lack a variable or a database. */
async function fill() {
  const port = createServer().listen(0);
  await events.once(port, 'listening');
  const PORT = String(port.address().port);
  await events.once(port.close(), 'close');

  const { status, error, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, __filename, PORT], {
    env: { ...process.env, PORT },
    encoding: 'utf8',
    timeout: KILL_MS,
    killSignal: 'SIGKILL',
  });
  if (status === 0) return;
  const lines = `${stdout}${stderr}`.trim().split('\n');
  const why = lines.findLast((line) => /Error: /.test(line)) ?? lines.at(-1);
  console.log(`Starts will be slower, as the program did not answer when its code cache was filled: ${error ?? why}`);
}

/** Runs the program, and keeps what V8 has compiled of it, however it ends. */
function run(port) {
  let answered = false;
  Server.prototype.emit = function (event, ...rest) {
    const heard = events.prototype.emit.call(this, event, ...rest);
    if (event === 'listening' && this.address().port === port) void finish();
    return heard;
  };
  const finish = async () => {
    await ask(port);
    answered = true;
    process.exit();
  };
  setTimeout(() => process.exit(1), LIMIT_MS);
  process.on('exit', () => {
    require('./main.js').writeCache();
    if (!answered) process.exitCode = 1;
  });
  void require('./main.js');
}

async function ask(port) {
  for (const path of PATHS) {
    const request = get({ host: 'localhost', port, path, agent: false });
    const [response] = await events.once(request, 'response');
    await response.resume().toArray();
  }
}

if (process.argv[2]) run(Number(process.argv[2]));
else void fill();
