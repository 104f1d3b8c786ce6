// The programs behind the page: an archive that serves the sample, a proxy that spoils one series, a mirror, its server.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";

const API = "/nbia-api/services/v4";
const CONFIGURATION = `
[limits]
query_rate = "0"
image_rate = "0"
parallel = 2
[retry]
base = "50ms"
cap = "100ms"
[jobs]
attempts = 3
base = "1s"
cap = "1s"
[disk]
min_free = "1MB"
min_free_inodes = 10
`;

export class Programs {
  #binary;
  #scratch;
  #running = new Set();

  constructor(binary, scratch) {
    this.#binary = binary;
    this.#scratch = scratch;
    writeFileSync(this.path("configuration.toml"), CONFIGURATION);
  }

  path(name) {
    return join(this.#scratch, name);
  }

  start(...words) {
    const child = spawn(this.#binary, ["--config", this.path("configuration.toml"), ...words], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.log = "";
    child.stderr.on("data", (bytes) => (child.log += bytes));
    this.#running.add(child);
    child.ended = once(child, "exit").then(([code]) => {
      this.#running.delete(child);
      return code;
    });
    return child;
  }

  // Mirrors the sample into a root, from which it is served like the archive itself.
  async archive() {
    const code = await this.start("--root", this.path("archive"), "demo").ended;
    if (code !== 0) throw new Error(`the demo ended in ${code}`);
    return this.serve("archive");
  }

  // Serves a root; gives its address and the process.
  async serve(root, listen = "127.0.0.1:0") {
    const server = this.start("--root", this.path(root), "serve", "--listen", listen);
    const [, address] = await until(() => /status page at (http:\S+)\//.exec(server.log), `serve ${root}`);
    return { address, server };
  }

  // Mirrors what is served at an address, slowly.
  async mirror(address, bandwidth) {
    const run = this.start(
      "--root", this.path("mirror"), "--base-url", address + API, "mirror", "--all-collections",
      "--bandwidth", bandwidth,
    );
    await until(() => existsSync(this.path("mirror/.tcia-mirror/state.sqlite")), "the record of the mirror");
    return run;
  }

  end() {
    for (const child of this.#running) child.kill("SIGKILL");
  }
}

// An archive that refuses one series, as the real one does with what it cannot read.
export async function spoiling(address, series) {
  const server = http.createServer((request, response) => {
    const spoiled = /\/get(Single)?Image/.test(request.url) && request.url.includes(series);
    if (spoiled) {
      response.writeHead(400, { "content-type": "text/plain" });
      response.end("The <b>image</b> of this series cannot be read\u202e.");
      return;
    }
    const onward = http.request(address + request.url, { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { address: `http://127.0.0.1:${server.address().port}`, server };
}

// Asks until there is an answer.
export async function until(ask, what, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`nothing after ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
