import { Container, runsContainer } from './container.js';
import { Program } from './program.js';

/** The command under test, which starts one program after another. */
export class Command {
  /** @param portOption how the program takes its port as an argument, if it does not read PORT */
  constructor(
    readonly words: string[],
    readonly portOption?: string,
  ) {}

  get text(): string {
    return this.words.join(' ');
  }

  get isContainer(): boolean {
    return runsContainer(this.words);
  }

  /** Starts a program with this value as its port. */
  start(port?: number | string): Program {
    const { portOption } = this;
    return portOption === undefined || port === undefined
      ? this.startWithPort(port)
      : this.run([...this.words, ...argument(portOption, String(port))], {}, port);
  }

  /** Starts a program with the value in PORT, or without PORT. */
  startWithPort(port?: number | string): Program {
    return this.run(this.words, port === undefined ? {} : { PORT: String(port) }, port);
  }

  private run(words: string[], port: { PORT?: string }, requested?: number | string): Program {
    const { PORT: _, ...env } = process.env;
    const Kind = this.isContainer ? Container : Program;
    return new Kind(words, { ...env, ...port }, typeof requested === 'number' ? requested : undefined);
  }
}

/** `--port 8080`; or in one word after a name that ends in `=` or `:`, as in `--listen=:8080`. */
function argument(option: string, port: string): string[] {
  return /[=:]$/.test(option) ? [option + port] : [option, port];
}
