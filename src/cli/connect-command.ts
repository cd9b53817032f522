/** `holdfast connect`: a WebSocket client for the terminal and for pipes. */
import { HoldfastError } from "../base/error.ts"
import { Secrets } from "../client/secrets.ts"
import type { Action, ActionOptions } from "../connect/actions.ts"
import { actionOf } from "../connect/actions.ts"
import type { View, Writer } from "../connect/events.ts"
import { History, historyPath } from "../connect/history.ts"
import { jsonView } from "../connect/json-view.ts"
import { OpenError } from "../connect/open-error.ts"
import { plainView } from "../connect/plain-view.ts"
import { Prompt } from "../connect/prompt.ts"
import { PromptInput } from "../connect/prompt-input.ts"
import { lineActions, rawActions } from "../connect/stream-input.ts"
import { Talk } from "../connect/talk.ts"
import { terminalView } from "../connect/terminal-view.ts"
import { type ConnectRequest, parseConnectOptions, USAGE } from "./connect-options.ts"

/** Runs the command; returns the exit status. */
export async function connectCommand(args: readonly string[]): Promise<number> {
  let request: ConnectRequest | undefined
  let actions: readonly Action[] = []
  try {
    request = parseConnectOptions(args)
    actions = request === undefined ? [] : executed(request)
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    process.stderr.write(`holdfast connect: ${error.describe()}\n`)
    return 2
  }
  if (request === undefined) {
    process.stdout.write(USAGE)
    return 0
  }
  const run = new Run(request, actions)
  return await run.all()
}

/** What --execute asks for. Throws USAGE. */
function executed(request: ConnectRequest): Action[] {
  return request.execute.map((text) =>
    actionOf(Buffer.from(text, "utf8"), actionOptions(request, request.hasSlash)),
  )
}

function actionOptions({ isBinary, talk }: ConnectRequest, hasCommands: boolean): ActionOptions {
  return { isBinary, hasCommands, maxMessageBytes: talk.maxMessageBytes }
}

const LEAST_WIDTH = 40

/** One run with the streams of this process. */
class Run {
  readonly #request: ConnectRequest
  readonly #input: AsyncIterable<Action>
  readonly #view: View
  readonly #talk: Talk
  readonly #isTerminal: boolean
  #prompt: Prompt | undefined
  #history: History | undefined
  #interrupts = 0

  constructor(request: ConnectRequest, actions: readonly Action[]) {
    const { stdin, stdout } = process
    const { endpoint, talk, isJson, isRaw, isVerbose, showsPings } = request
    this.#request = request
    this.#isTerminal = stdout.isTTY === true && !isJson && !isRaw
    const hasPrompt = this.#isTerminal && stdin.isTTY === true && request.execute.length === 0
    const log: Writer = process.stderr
    if (isJson) this.#view = jsonView(stdout)
    else if (this.#isTerminal) this.#view = this.#terminalView(showsPings)
    else this.#view = plainView({ output: stdout, log, isVerbose, showsPings, isRaw })
    const options = { ...talk, showsSent: this.#isTerminal && !hasPrompt }
    this.#talk = new Talk(endpoint, options, this.#view, stdout, new Secrets(talk.client, [endpoint]))
    this.#input = hasPrompt ? this.#promptActions() : pipedActions(request, actions)
  }

  async all(): Promise<number> {
    const { stdin, stdout, stderr } = process
    const interrupt = (): void => this.#interrupt()
    process.on("SIGINT", interrupt).on("SIGTERM", interrupt)
    stdout.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") this.#talk.outputGone()
      else this.#talk.fail(new HoldfastError("FILE", `cannot write the output: ${error.message}`))
    })
    stderr.on("error", () => {})
    try {
      return await this.#talk.run(this.#input)
    } catch (error) {
      this.#prompt?.close()
      return this.#complain(error as Error)
    } finally {
      this.#prompt?.close()
      this.#history?.close()
      process.off("SIGINT", interrupt).off("SIGTERM", interrupt)
      // Nobody is to wait for input that is of no use any more.
      stdin.destroy()
    }
  }

  #terminalView(showsPings: boolean): View {
    const { stdout } = process
    return terminalView({
      isColoured: !process.env["NO_COLOR"],
      width: () => Math.max(stdout.columns ?? 0, LEAST_WIDTH),
      showsPings,
      print: (text) => (this.#prompt === undefined ? void stdout.write(text) : this.#prompt.print(text)),
    })
  }

  #promptActions(): AsyncIterable<Action> {
    const say = (text: string): void => this.#view({ event: "notice", text })
    const input = new PromptInput(actionOptions(this.#request, true), () => this.#talk.isConnected, say)
    if (this.#request.hasHistory) this.#history = new History(historyPath(process.env), say)
    this.#prompt = new Prompt(process.stdin, process.stdout, this.#history?.load() ?? [], {
      line: (line) => {
        this.#history?.add(line)
        input.take(line)
      },
      end: () => input.end(),
      interrupt: () => this.#interrupt(),
    })
    return input.actions()
  }

  #interrupt(): void {
    this.#interrupts++
    if (this.#talk.interrupt() && this.#interrupts === 1) return
    this.#prompt?.close()
    process.exit(1)
  }

  #complain(error: Error): 1 {
    const { endpoint, isJson } = this.#request
    const log = process.stderr
    const say = plainView({ output: log, log, isVerbose: false, showsPings: false, isRaw: false })
    const event =
      error instanceof OpenError
        ? error.event
        : ({
            event: "error",
            stage: "input",
            status: undefined,
            message: error.message,
            details: [],
          } as const)
    if (isJson) this.#view(event)
    say(event)
    if (event.stage === "handshake" || event.stage === "tls")
      log.write(`  holdfast probe ${quoted(endpoint.url)} says why, and what mends it\n`)
    return 1
  }
}

function pipedActions(request: ConnectRequest, executed: readonly Action[]): AsyncIterable<Action> {
  if (executed.length > 0) return inOrder(executed)
  if (request.isRaw) return rawActions(process.stdin)
  return lineActions(process.stdin, actionOptions(request, request.hasSlash))
}

async function* inOrder(actions: readonly Action[]): AsyncGenerator<Action> {
  yield* actions
}

/** For a shell. */
function quoted(url: string): string {
  return /^[\w:/.,@%+=~[\]-]*$/.test(url) ? url : `'${url.replaceAll("'", "%27")}'`
}
