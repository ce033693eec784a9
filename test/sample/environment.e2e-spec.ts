import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { copyProject, edit, importModule } from '../support/project.js';
import { codeFor } from '../support/forking-guide.js';
import { emptyFolder, run, start } from '../support/service.js';

/** A name that a fork that follows the documentation does not have. */
const NAME = 'BACKUP_URL';

const VALID = { PORT: '0', DRAIN_DELAY_MS: '0', [NAME]: 'postgres://localhost/orders' };

/** A feature that asks for its settings in each of the ways that Nest's documentation shows. */
const SETTINGS = `
import { Controller, Get, Module, Param } from '@nestjs/common';
import { ConfigModule, ConfigService, registerAs } from '@nestjs/config';

@Controller('settings')
class SettingsController {
  constructor(private readonly config: ConfigService) {}

  @Get(':key')
  get(@Param('key') key: string) {
    return { value: this.config.get(key, 'the default') };
  }
}

@Module({
  imports: [
    ConfigModule.forFeature(registerAs('cache', () => ({ host: process.env['CACHE_HOST'] }))),
    ConfigModule.forRoot({ envFilePath: 'feature.env' }),
  ],
  controllers: [SettingsController],
})
export class SettingsModule {}
`;

let program: string;

beforeAll(() => {
  const project = copyProject({ dependencies: true });
  const variable = codeFor('src/environment.ts').replace(/^\w+/, NAME);
  edit(join(project, 'src/environment.ts'), (text) =>
    text
      .replace('v.object({', `$&\n${variable}`)
      .replace('ConfigModule.forRoot({', "$&envFilePath: ['.env.local', '.env'], load: [load],")
      .concat("function load() { return { database: { host: process.env['DB_HOST'] } }; }"),
  );
  mkdirSync(join(project, 'src/settings'));
  writeFileSync(join(project, 'src/settings/settings.module.ts'), SETTINGS);
  importModule(project, 'SettingsModule', './settings/settings.module.js');
  execFileSync('npm', ['run', 'build'], { cwd: project, stdio: 'pipe' });
  program = join(project, 'dist/main.js');
});

/** Starts the service where these files are, with a way to ask its ConfigService. */
async function settings(files: Record<string, string>, env: Record<string, string> = {}) {
  const cwd = emptyFolder();
  for (const [file, text] of Object.entries(files)) writeFileSync(join(cwd, file), text);
  const { service, url } = await start({ ...VALID, ...env }, { program, cwd });
  const get = async (key: string) => {
    const { value } = (await (await fetch(`${url}/settings/${key}`)).json()) as { value: unknown };
    return value;
  };
  return { service, get };
}

describe("the documentation's example of a required secret", () => {
  it('is refused when it is not set, with every other invalid variable, one line each', async () => {
    const refused = run({ PORT: 'abc' }, { program });
    expect(await refused.exit).toEqual({ code: 1, signal: null });
    expect(refused.stderr.split('\n')).toEqual([
      expect.stringMatching(`^${NAME} is not set: it must be a URL such as .*\\.$`),
      expect.stringMatching(/^PORT is "abc": it must be /),
      '',
    ]);
  });

  it('is refused without showing its value when it is invalid', async () => {
    const refused = run({ ...VALID, [NAME]: 'postgres://app:s3cr3t@db:54x32/orders' }, { program });
    expect(await refused.exit).toEqual({ code: 1, signal: null });
    expect(refused.stderr).toMatch(new RegExp(`^${NAME} is a secret of 37 characters: it must be a URL .*\\n$`));
  });
});

describe('a variable that the schema lacks', () => {
  it('reaches ConfigService untouched, from wherever it is set', async () => {
    const files = {
      '.env.local': 'IN_FIRST=0042\nNOTHING_IN_FIRST=\nDB_HOST=\n',
      '.env': 'IN_FIRST=1\nNOTHING_IN_FIRST=0042\nIN_SECOND=0042\nIN_BOTH=1\nNOTHING_IN_PROCESS=0042\n',
      'feature.env': 'IN_FEATURE=0042\n',
    };
    const { get } = await settings(files, {
      IN_PROCESS: '0042',
      IN_BOTH: '0042',
      NOTHING_IN_PROCESS: '',
      JWT_SECRET: '',
    });
    for (const name of ['PROCESS', 'FIRST', 'SECOND', 'BOTH', 'FEATURE']) expect(await get(`IN_${name}`)).toBe('0042');
    expect(await get('NOTHING_IN_FIRST')).toBe('0042');
    expect(await get('NOTHING_IN_PROCESS')).toBe('0042');
    expect(await get('JWT_SECRET')).toBe('the default');
    expect(await get('DB_HOST')).toBe('the default');
  });

  it('reaches the factories of load and registerAs()', async () => {
    const { get } = await settings({ '.env': 'DB_HOST=db\nCACHE_HOST=cache\n' }, { CACHE_HOST: '' });
    expect(await get('DB_HOST')).toBe('db');
    expect(await get('database.host')).toBe('db');
    expect(await get('cache.host')).toBe('cache');
  });

  it('is no reason for a warning, unless its name is nearly one that the schema has', async () => {
    const { service } = await settings({ '.env': 'PROT=5127\nlog_level=debug\nDB_HOST=db\n' });
    expect(service.stderr).toBe(
      'Warning: .env sets PROT. Did you mean PORT?\nWarning: .env sets log_level. Did you mean LOG_LEVEL?\n',
    );
  });
});

it('the variables of the schema stay typed where a file has them', async () => {
  const cwd = emptyFolder();
  writeFileSync(join(cwd, '.env'), 'SHUTDOWN_TIMEOUT_MS=1000\n');
  const { url } = await start(VALID, { program, cwd });
  expect(await (await fetch(`${url}/settings/SHUTDOWN_TIMEOUT_MS`)).json()).toEqual({ value: 1000 });
});

it('a .env file in UTF-16 is refused in one line', async () => {
  const cwd = emptyFolder();
  writeFileSync(join(cwd, '.env'), Buffer.from('\ufeffPORT=5127\r\n', 'utf16le'));
  const refused = run(VALID, { program, cwd });
  expect(await refused.exit).toEqual({ code: 1, signal: null });
  expect(refused.stderr).toMatch(/^Cannot read the \.env file: it must be UTF-8 text .*\n$/);
});
