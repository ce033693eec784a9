/** The load as it runs in a Pod, `node load-pod.js <host> <port>`: until SIGTERM, with a line a second on how it goes. */
import { once } from 'node:events';
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { startLoad } from '../rolling/load.js';

const [host = '', port = ''] = process.argv.slice(2);

// Looked up once: how the cluster's name server bears the load is another question.
const { address } = await lookup(host);

// What is lost before the first instance serves is not what is counted.
for (let serves = false; !serves; await delay(100)) {
  const socket = connect(Number(port), address);
  serves = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
}

const load = startLoad({ host: address, port: Number(port) });
const report = () => {
  const { sent, answered, losses } = load;
  console.log(JSON.stringify({ sent, answered, losses: Object.fromEntries(losses) }));
};
const interval = setInterval(report, 1000);

process.once('SIGTERM', () => {
  clearInterval(interval);
  void load.stop().then(report);
});
