import { Controller, Get, Header } from '@nestjs/common';
import { AppService } from './app.service.js';

@Controller()
export class AppController {
  constructor(private readonly appService: AppService) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  describe() {
    return this.appService.describe();
  }

  @Get('health/live')
  @Header('Cache-Control', 'no-store')
  live() {
    return this.appService.live();
  }
}
