// Loads a GGUF model in llama.cpp (the node-llama-cpp package), reads a fixed row of tokens and
// prints the likeliest next token after each, then a digest of all probabilities.
import { createHash } from "node:crypto";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

const llama = await getLlama({ gpu: false, build: "never", maxThreads: 1, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath: process.argv[2] });
const context = await model.createContext({ contextSize: 64, threads: 1 });
const tokens = [1, 17, 42, 99, 300, 7, 255, 128];
const steps = await context
    .getSequence()
    .controlledEvaluate(tokens.map((t) => [t, { generateNext: { probabilities: true } }]));

const digest = createHash("sha256");
const best = steps.map((step) => {
    const all = [...step.next.probabilities.entries()];
    digest.update(JSON.stringify(all));
    return all[0][0];
});
console.log(`tokens ${best.join(" ")} digest ${digest.digest("hex").slice(0, 16)}`);
await llama.dispose();
