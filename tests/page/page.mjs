// What a person sees of a group, with and without its quorum. Arguments: a node, another whose `admin.token` is "page-token",
// the browser, the processes of two replicas to stop, and a folder for screenshots.
import { chromium } from "playwright-core";
import assert from "node:assert/strict";

const [node, guarded, executablePath, third, fourth, out] = process.argv.slice(2);
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath, args });
const text = (page, id) => page.locator(`#${id}`).innerText();
const shows = (page, id, words) => page.waitForFunction(([id, words]) => document.getElementById(id).innerText.includes(words), [id, words], { timeout: 20000 });
const shot = async (page, name) => { if (out) await page.screenshot({ path: `${out}/${name}.png`, fullPage: true }); };
const open = async (colorScheme, width = 1200, at = node) => {
  const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
  page.elsewhere = [];
  page.on("request", request => { if (!request.url().startsWith(at)) page.elsewhere.push(request.url()); });
  page.on("pageerror", error => page.elsewhere.push(error.message));
  await page.goto(at);
  await page.waitForSelector("#facts dt");
  return page;
};
const claim = async (words, check) => { await check(); console.log(`page: ${words}`); };

const page = await open("light");
await claim("a whole group is said to be able to order", () => shows(page, "verdict", "Yes: 4 of 4 members are heard"));
await claim("each member has its row", async () => { for (const name of ["acme", "birch", "cedar", "delta"]) await shows(page, "members", name); });
await claim("a message of an author is text and no markup", async () => {
  await shows(page, "changes", "<img src=x onerror=alert(1)>");
  assert.equal(await page.locator("img").count(), 0);
});
await claim("no text of an author turns the direction of a line", async () => {
  await shows(page, "changes", "\ufffdfdp");
  assert.ok(!(await page.locator("body").innerText()).includes("\u202e"));
});
await claim("a change names its author's organisation", () => shows(page, "changes", "acme ("));
await claim("a proposal is shown with what it takes", () => shows(page, "proposals", "lab"));
await claim("a conflict opens by keyboard and tells its story", async () => {
  await page.locator("#conflicts summary").focus();
  await page.keyboard.press("Enter");
  await shows(page, "conflicts", "opened");
});
await claim("the first stop of the keyboard leads to the content", async () => {
  const fresh = await open("light");
  await fresh.keyboard.press("Tab");
  assert.equal(await fresh.evaluate(() => document.activeElement.textContent), "To the content");
});
await shot(page, "light");
const dark = await open("dark");
await claim("the page is dark where the reader wants it so", async () => {
  const ground = page => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.notEqual(await ground(page), await ground(dark));
});
await shot(dark, "dark");
const phone = await open("light", 390);
await claim("a telephone shows it without scrolling sideways", async () => assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth)));
await shot(phone, "telephone");

const kept = await open("light", 1200, guarded);
const enter = async token => { await kept.locator("#token").fill(token); await kept.keyboard.press("Enter"); };
await claim("answers for operators are said to need a token", () => shows(kept, "token-words", "changes a second"));
await shot(kept, "token");
await claim("a wrong token is said to open nothing", async () => {
  await enter("something-else");
  await shows(kept, "token-words", "This token does not open");
});
await claim("a token opens the graphs of changes and each member's view", async () => {
  await enter("page-token");
  await shows(kept, "graphs", "Changes in conflict");
  assert.ok(!await kept.locator("#token-card").isVisible());
  await kept.waitForFunction(() => [...document.querySelectorAll("#members tr")].every(row => /^\d+$/.test(row.children[4].textContent)));
});
await claim("a page of a node without a token asks for none", async () => assert.ok(!await page.locator("#token-card").isVisible()));

process.kill(Number(third), "SIGKILL");
process.kill(Number(fourth), "SIGKILL");
await claim("a group without its quorum is said to order nothing, and who is missing", async () => {
  await shows(page, "verdict", "No:");
  await shows(page, "issues", "quorum");
  await shows(page, "line", "Replica 3 is not heard");
});
await claim("what this replica knows is still shown", async () => {
  const late = await open("light");
  await shows(late, "changes", "conf/limit");
  await shows(late, "verdict", "No:");
  await shot(late, "no-quorum");
});
assert.deepEqual([...page.elsewhere, ...dark.elsewhere, ...phone.elsewhere, ...kept.elsewhere], [], "requests elsewhere, or errors");
console.log("page: nothing was asked of anybody else");
await browser.close();
