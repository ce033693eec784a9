import { Controller, Get, Module, type OnApplicationShutdown, Param } from '@nestjs/common';
import { sdk } from './instrumentation.js';

@Controller('greetings')
class GreetingsController {
  @Get(':name')
  greet(@Param('name') name: string) {
    return { text: `hello, ${name}` };
  }
}

@Module({ controllers: [GreetingsController] })
export class OpentelemetryModule implements OnApplicationShutdown {
  /** By then the last answer is out. */
  async onApplicationShutdown(): Promise<void> {
    await sdk.shutdown();
  }
}
