import express from 'express';

/** How long a contestant goes on serving after SIGTERM, and how long it then has to end. */
export const DELAY_MS = 5000;
export const TIMEOUT_MS = 4000;

/** The routes of every contestant, on Express. */
export function expressApp(isReady) {
  const app = express();
  app.use(express.json());
  app.get('/', (_request, response) => response.json({ hello: 'world' }));
  app.post('/', (_request, response) => response.sendStatus(405)); // The load expects what the sample answers.
  app.get('/delay/:seconds', (request, response) => {
    setTimeout(() => response.json({ seconds: request.params.seconds }), 1000 * request.params.seconds);
  });
  app.get('/health/ready', (_request, response) => response.sendStatus(isReady() ? 200 : 503));
  return app;
}

/** Says in a line of the log which port was bound: the load waits for it. */
export function report(server) {
  const { port } = server.address();
  console.log(JSON.stringify({ message: `Listening on port ${port}`, port }));
}
