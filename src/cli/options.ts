/** nginx's command line. ngx_get_options. */
import { HoldfastError } from "../base/error.ts"

export const SIGNALS = { stop: "SIGTERM", quit: "SIGQUIT", reopen: "SIGUSR1", reload: "SIGHUP" } as const
export type SignalWord = keyof typeof SIGNALS

export interface Options {
  /** `-c`: the main file. */
  file: string | undefined
  /** `-p` */
  prefix: string | undefined
  /** `-e` */
  errorLog: string | undefined
  /** `-g` */
  parameter: string
  /** `-s` */
  signal: SignalWord | undefined
  /** `-t` */
  isTest: boolean
  /** `-T` */
  isDump: boolean
  /** `-q` */
  isQuiet: boolean
  /** `-v` */
  isVersion: boolean
  /** `-V` */
  isBuild: boolean
  /** `-h`, `-?` */
  isHelp: boolean
}

/** Letters that take an argument, in the same word or the next. */
const WITH_ARGUMENT: Readonly<Record<string, string>> = {
  c: "file name",
  p: "directory name",
  e: "file name",
  g: "parameter",
  s: "parameter",
}

/** Reads the arguments (without the program's name). Throws USAGE in nginx's words. */
export function parseOptions(args: readonly string[]): Options {
  const options: Options = {
    file: undefined,
    prefix: undefined,
    errorLog: undefined,
    parameter: "",
    signal: undefined,
    isTest: false,
    isDump: false,
    isQuiet: false,
    isVersion: false,
    isBuild: false,
    isHelp: false,
  }
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string
    if (!word.startsWith("-")) throw new HoldfastError("USAGE", `invalid option: "${word}"`)
    for (let at = 1; at < word.length; at++) {
      const letter = word[at] as string
      const what = WITH_ARGUMENT[letter]
      if (what === undefined) {
        setFlag(options, letter)
        continue
      }
      const rest = word.slice(at + 1)
      const argument = rest === "" ? args[++i] : rest
      if (argument === undefined) throw new HoldfastError("USAGE", `option "-${letter}" requires ${what}`)
      setArgument(options, letter, argument)
      break
    }
  }
  return options
}

function setFlag(options: Options, letter: string): void {
  if (letter === "?" || letter === "h") options.isHelp = true
  else if (letter === "v") options.isVersion = true
  else if (letter === "V") options.isBuild = true
  else if (letter === "t") options.isTest = true
  else if (letter === "T") options.isDump = true
  else if (letter === "q") options.isQuiet = true
  else throw new HoldfastError("USAGE", `invalid option: "${letter}"`)
}

function setArgument(options: Options, letter: string, argument: string): void {
  if (letter === "c") options.file = argument
  else if (letter === "p") options.prefix = argument
  else if (letter === "e") options.errorLog = argument
  else if (letter === "g") options.parameter = argument
  else if (Object.hasOwn(SIGNALS, argument)) options.signal = argument as SignalWord
  else throw new HoldfastError("USAGE", `invalid option: "-s ${argument}"`)
}
