import { setTimeout as delay } from 'node:timers/promises';
import {
  type BeforeApplicationShutdown,
  type CallHandler,
  Controller,
  type ExecutionContext,
  Injectable,
  Module,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { finalize } from 'rxjs';

/** Nest closes the sockets of other transports with messages in flight, and after this hook. */
@Injectable()
class Messages implements NestInterceptor, BeforeApplicationShutdown {
  private inFlight = 0;

  intercept(_context: ExecutionContext, next: CallHandler) {
    this.inFlight++;
    return next.handle().pipe(finalize(() => this.inFlight--));
  }

  async beforeApplicationShutdown(): Promise<void> {
    do
      await delay(50); // the last answer has to be written as well
    while (this.inFlight > 0);
  }
}

@Controller()
@UseInterceptors(Messages)
class SumController {
  @MessagePattern('sum')
  sum(numbers: number[]) {
    return numbers.reduce((total, each) => total + each, 0);
  }

  @MessagePattern('slow sum')
  async slowSum(numbers: number[]) {
    await delay(1000);
    return this.sum(numbers);
  }
}

@Module({ providers: [Messages], controllers: [SumController] })
export class TcpModule {}
