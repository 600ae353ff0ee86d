// The engine's side of the Workers that read files.

/** Hands files to the readers; `put({read, release})` hears what they found in the latest run. */
export class Readers {
  #ports;
  #run = 0;
  #put = () => {};
  #load = [];
  #under = new Map(); // number of a file -> {index of its reader, bytes}

  constructor(ports) {
    this.#ports = ports;
    ports.forEach((port, index) => {
      port.onmessage = ({ data }) => this.#hear(index, data);
    });
  }

  /** A new connection: what was wanted for the one before is forgotten. */
  begin(put) {
    this.#run += 1;
    this.#put = put;
    this.#load = this.#ports.map(() => 0);
    this.#under.clear();
    for (const port of this.#ports) port.postMessage({ run: this.#run });
  }

  /** Read this entry; the reader that has the least to do does. */
  submit(number, { name, file }) {
    const index = this.#load.indexOf(Math.min(...this.#load));
    const size = file.size + 1;
    this.#load[index] += size;
    this.#under.set(number, { index, size });
    this.#ports[index].postMessage({ run: this.#run, number, name, file });
  }

  #hear(index, read) {
    if (read.run !== this.#run) return;
    if (!read.buffer) {
      this.#load[index] -= this.#under.get(read.number).size;
      this.#under.delete(read.number);
    }
    const { run } = read;
    this.#put({ read, release: (size) => this.#ports[index].postMessage({ run, release: size }) });
  }
}
