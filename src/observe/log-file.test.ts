import assert from "node:assert/strict"
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, constants, openSync, readFileSync, readSync, renameSync, statSync } from "node:fs"
import { describe, it } from "node:test"
import { fileURLToPath } from "node:url"
import fc from "fast-check"
import { makeTempFolder } from "../../test/support/temp.ts"
import { ALERT, EMERG, INFO, type Logger, WARN } from "../base/logger.ts"
import { LogFiles } from "./log-file.ts"

const SOURCE = fileURLToPath(new URL("./log-file.ts", import.meta.url))

/** Keeps lines, and lets a test wait for one. */
class Recorder implements Logger {
  readonly level = INFO
  readonly lines: [level: number, text: string][] = []
  #wake: (() => void) | null = null

  log(level: number, text: string): void {
    this.lines.push([level, text])
    this.#wake?.()
  }

  async seen(part: string): Promise<[level: number, text: string]> {
    for (;;) {
      const line = this.lines.find(([, text]) => text.includes(part))
      if (line !== undefined) return line
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

function read(path: string): string {
  return readFileSync(path, "latin1")
}

describe("LogFiles", () => {
  it("writes every byte as it was given", async () => {
    const path = `${makeTempFolder("log")}/a.log`
    const files = new LogFiles()
    const file = files.open(path)
    let expected = ""
    const bytes = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 200 })
    for (const text of fc.sample(bytes, 500)) {
      file.write(`${text}\n`)
      expected += `${text}\n`
    }
    await files.flush()
    assert.equal(read(path), expected)
    assert.equal(statSync(path).mode & 0o777, 0o644)
  })

  it("appends to what is there", async () => {
    const path = `${makeTempFolder("log")}/a.log`
    for (const line of ["one\n", "two\n"]) {
      const files = new LogFiles()
      files.open(path).write(line)
      await files.flush()
    }
    assert.equal(read(path), "one\ntwo\n")
  })

  it("gives one stream for one path, whose last close closes the file", async () => {
    const path = `${makeTempFolder("log")}/a.log`
    const files = new LogFiles()
    const first = files.open(path)
    assert.equal(files.open(path), first)
    first.close()
    assert.equal(files.open(path), first)
    first.close()
    first.close()
    assert.notEqual(files.open(path), first)
    first.write("late\n")
    await files.flush()
    assert.equal(read(path), "late\n")
  })

  it("closes what was opened for a lease when it is given back, but for what others use", async () => {
    const folder = makeTempFolder("log")
    const files = new LogFiles()
    const other = files.open(`${folder}/shared.log`)
    const { result, release } = files.lease(() => [
      files.open(`${folder}/shared.log`),
      files.open(`${folder}/own.log`),
      files.open(`${folder}/own.log`),
    ])
    assert.equal(result[0], other)
    release()
    assert.equal(files.open(`${folder}/shared.log`), other)
    assert.notEqual(files.open(`${folder}/own.log`), result[1])
  })

  it("gives back what was opened for a lease that came to nothing", () => {
    const folder = makeTempFolder("log")
    const files = new LogFiles()
    let opened: unknown
    assert.throws(() =>
      files.lease(() => {
        opened = files.open(`${folder}/own.log`)
        files.open(`${folder}/missing/a.log`)
      }),
    )
    assert.notEqual(files.open(`${folder}/own.log`), opened)
  })

  it("writes late lines to a file without users, also where it had a buffer, and keeps it closed", async () => {
    const path = `${makeTempFolder("log")}/a.log`
    const files = new LogFiles()
    const file = files.open(path, { bufferBytes: 65_536, flushMs: 0 })
    file.write("early\n")
    file.close()
    await files.flush()
    assert.equal(read(path), "early\n")
    renameSync(path, `${path}.1`)
    file.write("late\n")
    await files.flush()
    assert.equal(read(path), "late\n")
    // Opened anew for each: it follows its path.
    renameSync(path, `${path}.2`)
    file.write("later\n")
    await files.flush()
    assert.equal(read(path), "later\n")
  })

  it("words a file that cannot be opened as nginx does", () => {
    const path = `${makeTempFolder("log")}/missing/a.log`
    assert.throws(() => new LogFiles().open(path), {
      code: "FILE",
      message: `open() "${path}" failed (2: No such file or directory)`,
    })
  })

  it("keeps a buffer until the next line would not fit", async () => {
    const path = `${makeTempFolder("log")}/a.log`
    const files = new LogFiles()
    const file = files.open(path, { bufferBytes: 100, flushMs: 0 })
    for (let i = 0; i < 10; i++) file.write("123456789\n")
    // Another stream's flush goes through the same pool: by its end a write of the first would have been made too.
    const other = files.open(`${path}.other`)
    other.write("x\n")
    await other.flush()
    assert.equal(read(path), "")
    file.write("next\n")
    await files.flush()
    assert.equal(read(path), `${"123456789\n".repeat(10)}next\n`)
    file.write(`${"y".repeat(200)}\n`)
    await file.flush()
    assert.equal(read(path).length, 306)
  })

  it("flushes a buffer by its time", async () => {
    const folder = makeTempFolder("log")
    const pipe = `${folder}/pipe`
    execFileSync("mkfifo", [pipe])
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const files = new LogFiles()
    const file = files.open(pipe, { bufferBytes: 65536, flushMs: 20 })
    for (const line of ["first\n", "second\n"]) {
      file.write(line)
      assert.equal(await readSome(reader), line)
    }
    closeSync(reader)
  })

  it("writes large amounts in order", async () => {
    const path = `${makeTempFolder("log")}/a.log`
    const files = new LogFiles(64 * 1024 * 1024)
    const file = files.open(path, { bufferBytes: 1024 * 1024, flushMs: 0 })
    let expected = ""
    for (let i = 0; i < 100_000; i++) {
      const line = `${i} ${"x".repeat(i % 97)}\n`
      file.write(line)
      expected += line
    }
    await files.flush()
    assert.equal(read(path) === expected, true)
  })

  it("goes on in a new file after reopen, and loses no line", async () => {
    const path = `${makeTempFolder("log")}/a.log`
    const files = new LogFiles()
    const file = files.open(path)
    file.write("before\n")
    renameSync(path, `${path}.1`)
    file.write("still before\n")
    files.reopen()
    file.write("after\n")
    await files.flush()
    assert.equal(read(path), "after\n")
    while (read(`${path}.1`) !== "before\nstill before\n") await new Promise(setImmediate)
  })

  it("keeps the old file where the new one cannot be opened", async () => {
    const folder = makeTempFolder("log")
    const inner = `${folder}/inner`
    execFileSync("mkdir", [inner])
    const files = new LogFiles()
    const recorder = new Recorder()
    files.errorLog = recorder
    const file = files.open(`${inner}/a.log`)
    renameSync(inner, `${folder}/moved`)
    files.reopen()
    file.write("kept\n")
    await files.flush()
    assert.deepEqual(recorder.lines, [
      [EMERG, `open() "${inner}/a.log" failed (2: No such file or directory)`],
    ])
    assert.equal(read(`${folder}/moved/a.log`), "kept\n")
  })

  it("tells once that a disk is full, and drops what is too much", async () => {
    const files = new LogFiles(1000)
    const recorder = new Recorder()
    files.errorLog = recorder
    const file = files.open("/dev/full")
    for (let i = 0; i < 50; i++) {
      file.write(`${"x".repeat(99)}\n`)
      await file.flush()
    }
    assert.deepEqual(recorder.lines, [
      [ALERT, 'write() to "/dev/full" failed (28: No space left on device)'],
      [WARN, '"/dev/full" does not take lines as fast as they come, dropping them'],
    ])
  })

  it("bears a reader that does not read, then says how many lines it missed", async () => {
    const pipe = `${makeTempFolder("log")}/pipe`
    execFileSync("mkfifo", [pipe])
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const files = new LogFiles(128 * 1024)
    const recorder = new Recorder()
    files.errorLog = recorder
    const file = files.open(pipe)
    const line = `${"x".repeat(99)}\n`
    for (let i = 0; i < 10_000; i++) file.write(line)
    await recorder.seen("dropping them")
    // Lines may be dropped more than once, and are told of each time.
    const dropped = (): number =>
      recorder.lines.reduce(
        (sum, [, text]) => sum + (text.endsWith("were dropped") ? Number.parseInt(text, 10) : 0),
        0,
      )
    let text = ""
    while (text.length < (10_000 - dropped()) * line.length || dropped() === 0) {
      text += readNow(reader)
      // All may have been read before the word about what was dropped comes.
      await new Promise(setImmediate)
    }
    assert.equal(text, line.repeat(10_000 - dropped()))
    assert.deepEqual(recorder.lines.at(-1)?.[0], WARN)
    closeSync(reader)
  })

  it("bears a reader that has gone", async () => {
    const pipe = `${makeTempFolder("log")}/pipe`
    execFileSync("mkfifo", [pipe])
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const files = new LogFiles()
    const recorder = new Recorder()
    files.errorLog = recorder
    const file = files.open(pipe)
    closeSync(reader)
    file.write("lost\n")
    await files.flush()
    file.write("lost too\n")
    await files.flush()
    assert.deepEqual(recorder.lines, [[ALERT, `write() to "${pipe}" failed (32: Broken pipe)`]])
  })

  it("writes whole lines to a pipe that several share", async () => {
    const pipe = `${makeTempFolder("log")}/pipe`
    execFileSync("mkfifo", [pipe])
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const all = [new LogFiles(), new LogFiles(), new LogFiles()]
    const each = 300
    all.forEach((files, i) => {
      const file = files.open(pipe)
      for (let n = 0; n < each; n++) file.write(`${String(i).repeat(100)}\n`)
    })
    let text = ""
    while (text.length < each * all.length * 101) text += await readSome(reader)
    for (const line of text.trimEnd().split("\n")) assert.match(line, /^(0{100}|1{100}|2{100})$/)
    closeSync(reader)
  })
})

describe("LogFiles on the process's own output", () => {
  for (const [path, stream] of [
    ["stderr", "stderr"],
    ["/dev/stderr", "stderr"],
    ["/dev/stdout", "stdout"],
  ] as const) {
    it(`writes ${path}`, async () => {
      const child = run(`const f = new LogFiles(); f.open("${path}").write("a line\\n"); await f.flush()`)
      let text = ""
      child[stream]?.on("data", (chunk: Buffer) => {
        text += chunk.toString("latin1")
      })
      const [code] = await once(child, "close")
      assert.deepEqual([code, text], [0, "a line\n"])
    })
  }

  it("does not end with a standard error that is closed", () => {
    const script = `
      const f = new LogFiles(); const s = f.open("stderr")
      for (let i = 0; i < 100; i++) { s.write("a line\\n"); s.writeNow() }
      await f.flush(); console.log("alive")`
    const program = `import { LogFiles } from "${SOURCE}";${script}`
    const closed = execFileSync("sh", [
      "-c",
      `exec "$0" --input-type=module -e "$1" 2>&-`,
      process.execPath,
      program,
    ])
    assert.equal(closed.toString(), "alive\n")
    const gone = execFileSync("bash", [
      "-c",
      `exec "$0" --input-type=module -e "$1" 2> >(exec true)`,
      process.execPath,
      program,
    ])
    assert.equal(gone.toString(), "alive\n")
  })

  it("ends although a reader does not read", async () => {
    const pipe = `${makeTempFolder("log")}/pipe`
    execFileSync("mkfifo", [pipe])
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const child = run(`
      const f = new LogFiles(); const s = f.open("${pipe}")
      for (let i = 0; i < 20000; i++) s.write("x".repeat(99) + "\\n")
      await f.flush(); process.exit(3)`)
    const [code] = await once(child, "close")
    assert.equal(code, 3)
    closeSync(reader)
  })
})

function run(script: string) {
  return spawn(process.execPath, [
    "--input-type=module",
    "-e",
    `import { LogFiles } from "${SOURCE}";${script}`,
  ])
}

/** What can be read from `fd`, which does not block; waits for something. */
async function readSome(fd: number): Promise<string> {
  for (;;) {
    const text = readNow(fd)
    if (text !== "") return text
    await new Promise(setImmediate)
  }
}

/** What can be read from `fd` just now. */
function readNow(fd: number): string {
  const buffer = Buffer.allocUnsafe(65536)
  try {
    return buffer.toString("latin1", 0, readSync(fd, buffer))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error
    return ""
  }
}
