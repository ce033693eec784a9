import { Controller, type ExecutionContext, Get, Injectable, Module, Request } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import { ExtractJwt, Strategy } from 'passport-jwt';

@Injectable()
class JwtStrategy extends PassportStrategy(Strategy) {
  constructor() {
    super({ jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey: 'secret' });
  }

  validate(payload: { sub: string }) {
    return { userId: payload.sub };
  }
}

@Injectable()
class JwtAuthGuard extends AuthGuard('jwt') {
  canActivate(context: ExecutionContext) {
    return context.getType() === 'http' ? super.canActivate(context) : true;
  }
}

@Controller('profile')
class ProfileController {
  @Get()
  profile(@Request() request: { user: object }) {
    return request.user;
  }
}

/** Denies every request of the application that has no token. */
@Module({
  imports: [PassportModule],
  providers: [JwtStrategy, { provide: APP_GUARD, useClass: JwtAuthGuard }],
  controllers: [ProfileController],
})
export class JwtModule {}
