import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { ThrottlerGuard, ThrottlerModule as Throttler } from '@nestjs/throttler';

@Controller('limited')
@UseGuards(ThrottlerGuard)
class LimitedController {
  @Get()
  limited() {
    return { allowed: true };
  }
}

@Module({ imports: [Throttler.forRoot([{ ttl: 3_600_000, limit: 2 }])], controllers: [LimitedController] })
export class ThrottlerModule {}
