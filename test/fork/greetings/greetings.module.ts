import { Body, Controller, Module, Post } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsInt, IsNotEmpty, Max } from 'class-validator';

class Greeting {
  @IsNotEmpty()
  name!: string;

  @IsInt()
  @Max(3)
  @Type(() => Number)
  times!: number;
}

@Controller('greetings')
class GreetingsController {
  @Post()
  greet(@Body() { name, times }: Greeting) {
    return { text: Array.from({ length: times }, () => 'hello').join(', ') + `, ${name}` };
  }
}

@Module({ controllers: [GreetingsController] })
export class GreetingsModule {}
