import { Module } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import type { Server, WebSocket } from 'ws';
import { Drain, PortBindingModule } from 'port-binding/nest';

@WebSocketGateway({ path: '/ws' })
class WsGateway {
  @WebSocketServer()
  private readonly server!: Server;

  constructor(private readonly drain: Drain) {
    drain.closing.addEventListener('abort', () => this.server.clients.forEach((client) => client.close(1001)));
  }

  handleConnection(client: WebSocket): void {
    if (this.drain.closing.aborted) client.close(1001); // It was about to open when the port closed.
  }

  @SubscribeMessage('echo')
  echo(_client: unknown, data: unknown) {
    return { event: 'echo', data };
  }
}

@Module({ imports: [PortBindingModule], providers: [WsGateway] })
export class WsModule {}
