import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Get, Module, Param, Post, Req, Sse, StreamableFile } from '@nestjs/common';
import { fromEvent, interval, map, takeUntil } from 'rxjs';
import { Drain, PortBindingModule } from 'port-binding/nest';

const LARGE = Buffer.alloc(10_000_000, 'x');

/** What answers late, at length, or without an end. */
@Controller('streams')
class StreamsController {
  constructor(private readonly drain: Drain) {}

  @Sse('ticks')
  ticks() {
    return this.endless().pipe(takeUntil(fromEvent(this.drain.closing, 'abort')));
  }

  @Sse('endless')
  endless() {
    return interval(20).pipe(map((tick) => ({ data: tick })));
  }

  @Get('poll')
  async poll() {
    if (!this.drain.closing.aborted) await once(this.drain.closing, 'abort');
    return { news: [] };
  }

  @Get('delay/:ms')
  async delay(@Param('ms') ms: string) {
    await delay(Number(ms));
    return { ms };
  }

  @Get('large')
  large() {
    return new StreamableFile(LARGE);
  }

  @Post('read')
  async read(@Req() request: IncomingMessage) {
    let bytes = 0;
    for await (const chunk of request) bytes += (chunk as Buffer).length;
    return { bytes };
  }

  @Post('ignored')
  ignored() {
    return { ignored: true };
  }
}

@Module({ imports: [PortBindingModule], controllers: [StreamsController] })
export class StreamsModule {}
