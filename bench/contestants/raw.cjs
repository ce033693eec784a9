// CommonJS, because it is the least that Node can load: loading any ES module costs about as much again.
const { createServer } = require('node:http');
const { hostname } = require('node:os');

const instance = hostname();
let port;

const answers = {
  '/': () => ({
    name: 'port-binding-service',
    version: '0.1.0',
    revision: 'unknown',
    instance,
    pid: process.pid,
    port,
    phase: 'serving',
    uptime: Math.floor(process.uptime()),
  }),
  '/health/live': () => ({ status: 'ok', info: {}, error: {}, details: {} }),
};

const server = createServer((request, response) => {
  const answer = answers[request.url];
  response.statusCode = answer ? 200 : 404;
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Cache-Control', 'no-store');
  response.end(JSON.stringify(answer ? answer() : { error: 'Not Found' }));
});

server.listen(process.env.PORT ?? 3000, () => {
  port = server.address().port;
  console.log(`Listening on port ${port}`);
});
