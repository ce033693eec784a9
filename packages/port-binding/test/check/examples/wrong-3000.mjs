import { createServer } from 'node:http';

createServer((_, response) => response.end('Hello, World!\n')).listen(3000, 'localhost');
