// The status page as an administrator meets it: while a mirror runs, after it, in the dark, on a phone, without scripts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { chromium } from "playwright-core";

import { Programs, spoiling, until } from "./programs.mjs";

const [binary, scratch, pictures] = process.argv.slice(2);
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const DESK = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 780 };

const programs = new Programs(binary, scratch);
const complaints = [];
let browser;

function step(name) {
  console.log(`page: ${name}`);
}

async function open(address, options) {
  const context = await browser.newContext({ viewport: DESK, colorScheme: "light", ...options });
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => request.url().startsWith(address) || complaints.push(`loads ${request.url()}`));
  await page.goto(`${address}/`);
  return page;
}

async function picture(page, name) {
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

// What axe finds serious or critical; its source comes past the policy of the page, as a debugger does.
async function accessible(page, name) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const grave = violations.filter((found) => ["serious", "critical"].includes(found.impact));
  const told = grave.map((found) => `${found.id}: ${found.nodes.map((node) => node.html).join("; ")}`);
  assert.deepEqual(told, [], `axe, ${name}`);
}

async function fits(page, name) {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  const inner = await page.evaluate(() => document.documentElement.clientWidth);
  assert.ok(width <= inner, `${name} is ${width} wide in ${inner}`);
}

const text = (page, selector) => page.locator(selector).innerText();

async function everyLook(address, name) {
  for (const [size, viewport] of [["desk", DESK], ["phone", PHONE]]) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open(address, { viewport, colorScheme });
      await page.locator('html[data-stream="live"]').waitFor();
      await fits(page, `${name}-${size}-${colorScheme}`);
      await accessible(page, `${name}-${size}-${colorScheme}`);
      await picture(page, `${name}-${size}-${colorScheme}`);
      await page.context().close();
    }
  }
}

async function spoiledSeries(address) {
  const series = await (await fetch(`${address}/nbia-api/services/v4/getSeries?format=json`)).json();
  return series[3].SeriesInstanceUID;
}

async function numbersMove(page) {
  await page.evaluate(() => (globalThis.loadedOnce = true));
  const before = await text(page, "#glance");
  await until(async () => (await text(page, "#glance")) !== before, "figures that move");
  await until(async () => (await text(page, "#running")).includes("/s, "), "a rate");
  assert.ok(await page.evaluate(() => globalThis.loadedOnce), "the page was loaded again");
}

async function keyboard(page) {
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "the focus is not seen");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
}

// Why the series is parked, and its earlier tries, which a keyboard unfolds.
async function parkedReason(page, series) {
  await page.locator("#parked table").waitFor({ timeout: 60_000 });
  assert.ok((await text(page, "#parked")).includes(series));
  const row = page.locator("#parked tbody tr");
  assert.match(await row.innerText(), /400.*The <b>image<\/b> of this series cannot be read\uFFFD/s);
  await row.locator("summary").focus();
  await page.keyboard.press("Enter");
  await row.locator("details[open] li").first().waitFor();
}

// What was unfolded, and what had the focus, when the server sends the part again.
async function staysUnfolded(page) {
  await until(async () => (await text(page, "#parked tbody tr")).includes("1 min ago"), "a minute", 90);
  assert.equal(await page.locator("#parked details[open]").count(), 1);
  assert.match(await page.evaluate(() => document.activeElement.id), /^tries-.*-summary$/);
}

async function withoutScripts(address) {
  const page = await open(address, { javaScriptEnabled: false, viewport: PHONE });
  assert.match(await text(page, "#glance"), /41 of 42/);
  assert.match(await text(page, "header"), /As of .* A snapshot\. Load it again/s);
  await picture(page, "after-phone-no-scripts");
  await page.context().close();
}

async function isSaidToBeOld(page, server, address) {
  const began = Date.now();
  server.kill("SIGTERM");
  assert.equal(await server.ended, 143);
  assert.ok(Date.now() - began < 5000, "the server waits for those who watch");
  await page.locator('html[data-stream="stale"]').waitFor();
  assert.match(await text(page, "#stream"), /connection is lost/);
  await picture(page, "stale-desk-light");
  complaints.length = 0; // a browser complains of a server that is gone
  const again = await programs.serve("mirror", new URL(address).host);
  await page.locator('html[data-stream="live"]').waitFor({ timeout: 60_000 });
  complaints.length = 0;
  return again;
}

try {
  step("an archive with a series that cannot be read");
  const archive = await programs.archive();
  const series = await spoiledSeries(archive.address);
  const spoiled = await spoiling(archive.address, series);
  step("a slow mirror, and the page beside it");
  const run = await programs.mirror(spoiled.address, "1MB/s");
  const served = await programs.serve("mirror");
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
  const page = await open(served.address, {});
  await keyboard(page);
  await numbersMove(page);
  step("every look while it runs");
  await everyLook(served.address, "running");
  step("why a series is parked");
  await parkedReason(page, series);
  assert.equal(await run.ended, 3, run.log);
  await until(async () => (await text(page, "#announcement")).includes("Nothing is under way"), "the end of the run");
  assert.match(await text(page, "#cycles"), /parked.*41 new, 1 parked/s);
  step("every look afterwards, and without scripts");
  await everyLook(served.address, "after");
  await withoutScripts(served.address);
  await staysUnfolded(page);
  step("a server that ends and comes again");
  assert.deepEqual(complaints, []);
  await isSaidToBeOld(page, served.server, served.address);
  assert.deepEqual(complaints, []);
  spoiled.server.close();
  console.log("page: all is well");
} finally {
  await browser?.close();
  programs.end();
}
process.exit(0);
