import { Body, Controller, Module, Post } from '@nestjs/common';
import bcrypt from 'bcrypt';

@Controller('passwords')
class PasswordsController {
  @Post()
  async check(@Body() { password }: { password: string }) {
    const hash = await bcrypt.hash(password, 4);
    return { matches: await bcrypt.compare(password, hash) };
  }
}

@Module({ controllers: [PasswordsController] })
export class BcryptModule {}
