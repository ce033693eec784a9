import { Module } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import type { Server } from 'socket.io';
import { Drain, PortBindingModule } from 'port-binding/nest';

@WebSocketGateway()
class SocketIoGateway {
  @WebSocketServer()
  private readonly server!: Server;

  constructor(drain: Drain) {
    drain.closing.addEventListener('abort', () => this.server.engine.close());
  }

  @SubscribeMessage('echo')
  echo(_client: unknown, data: unknown) {
    return data;
  }
}

@Module({ imports: [PortBindingModule], providers: [SocketIoGateway] })
export class SocketIoModule {}
