import { Module } from '@nestjs/common';
import { WinstonModule as Winston, utilities } from 'nest-winston';
import { format, transports } from 'winston';

@Module({
  imports: [
    Winston.forRoot({
      transports: [
        new transports.Console({ format: format.combine(format.timestamp(), utilities.format.nestLike('Fork')) }),
      ],
    }),
  ],
})
export class WinstonModule {}
