import { Controller, Get, Module } from '@nestjs/common';
import { InjectPinoLogger, LoggerModule, type PinoLogger } from 'nestjs-pino';

@Controller('greeting')
class GreetingController {
  constructor(@InjectPinoLogger(GreetingController.name) private readonly logger: PinoLogger) {}

  @Get()
  greet() {
    this.logger.info('greeted');
    return { text: 'hello' };
  }
}

@Module({ imports: [LoggerModule.forRoot()], controllers: [GreetingController] })
export class PinoModule {}
