import { createServer } from 'node:http';

const port = process.env.PORT || 8765;
createServer((_, response) => response.end('Hello, World!\n')).listen(port, () => console.log(`Listening on ${port}`));
