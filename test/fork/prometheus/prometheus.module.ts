import { Controller, Get, Module } from '@nestjs/common';
import { Counter } from 'prom-client';

const greetings = new Counter({ name: 'greetings_total', help: 'How often was greeted.' });

@Controller('counted')
class CountedController {
  @Get()
  greet() {
    greetings.inc();
    return { text: 'hello' };
  }
}

@Module({ controllers: [CountedController] })
export class PrometheusModule {}
