import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Controller, Get, Module, Param } from '@nestjs/common';

@Controller('fibonacci')
class FibonacciController {
  @Get(':n')
  async compute(@Param('n') n: string) {
    const worker = new Worker(new URL('./fibonacci.js', import.meta.url), { workerData: Number(n) });
    const [result] = (await once(worker, 'message')) as [number];
    return { result };
  }
}

@Module({ controllers: [FibonacciController] })
export class WorkerModule {}
