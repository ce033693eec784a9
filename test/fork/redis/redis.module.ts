import { setTimeout as delay } from 'node:timers/promises';
import { BullModule, InjectQueue, Processor, WorkerHost } from '@nestjs/bullmq';
import { Body, Controller, Get, Logger, Module, Post } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { EventPattern } from '@nestjs/microservices';
import type { Job, Queue } from 'bullmq';
import type { Environment } from '../environment.js';

const begun: string[] = [];
const heard: string[] = [];

@Processor('mails')
class MailsProcessor extends WorkerHost {
  async process(job: Job<{ to: string }>) {
    begun.push(job.data.to);
    await delay(1000);
    new Logger('Mails').log(`Sent to ${job.data.to}`);
  }
}

@Controller('mails')
class MailsController {
  constructor(@InjectQueue('mails') private readonly queue: Queue) {}

  @Post()
  async send(@Body() mail: { to: string }) {
    await this.queue.add('mail', mail);
    return mail;
  }

  @Get()
  sent() {
    return { begun, heard };
  }

  @EventPattern('mail')
  hear(to: string) {
    heard.push(to);
  }
}

@Module({
  imports: [
    BullModule.forRootAsync({
      inject: [ConfigService],
      useFactory: (config: ConfigService<Environment, true>) => ({
        connection: { host: '127.0.0.1', port: config.get('REDIS_PORT', { infer: true }) },
      }),
    }),
    BullModule.registerQueue({ name: 'mails' }),
  ],
  providers: [MailsProcessor],
  controllers: [MailsController],
})
export class RedisModule {}
