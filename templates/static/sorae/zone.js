/* Tells the server in which time zone to write times, from the next page on. Without it they are in UTC. */
"use strict";
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.split("; ").includes(`zone=${zone}`))
  document.cookie = `zone=${zone}; path=/admin; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
