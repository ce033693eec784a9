// Compiled as CommonJS, with the types that `require()` finds.
import { createServer } from 'node:http';
import { type INestApplication } from '@nestjs/common';
import { type Service, parsePort, serve } from 'port-binding';
import { Drain, PortBinding, PortBindingModule, serve as serveNest } from 'port-binding/nest';

export async function main(app: INestApplication): Promise<Service> {
  await serveNest(app, { port: parsePort('3000') });
  const phase: string = app.get(Drain).phase;
  const port: number = app.get(PortBinding).address.port;
  console.log(phase, port, PortBindingModule.name);
  // @ts-expect-error -- a port is a number: whoever reads the environment has to look at the digits
  await serve(createServer(), { port: '3000' });
  return serve(createServer(), { port: 0 });
}
