#!/bin/bash
# Proves playwright.sh: each browser opens a page, without a window.
set -euo pipefail

PLAYWRIGHT_BROWSERS=${PLAYWRIGHT_BROWSERS:-chromium firefox webkit}

pages='
const playwright = require("playwright");
const open = async (name) => {
  const browser = await playwright[name].launch();
  const page = await browser.newPage();
  await page.goto("data:text/html,<title>open</title>");
  const title = await page.title();
  await browser.close();
  if (title !== "open") throw new Error(name + " shows a page titled " + title);
  console.log("ok    Playwright opens a page in " + name);
};
(async () => {
  for (const name of process.argv.slice(1)) await open(name);
})().catch((err) => {
  console.error(err.message);
  process.exit(1);
});
'

die() {
  echo "check-playwright.sh: $*" >&2
  exit 1
}

main() {
  # shellcheck disable=SC2086 # a list
  NODE_PATH=$(npm root --global) node -e "$pages" $PLAYWRIGHT_BROWSERS || die "a browser opens no page"
}

main </dev/null
