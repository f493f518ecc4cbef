"""Sample names, e-mail domains, phone numbers and goods, in all the ways that people write them."""

# ruff: noqa: RUF001, SIM905  (letters that look like others are the point; and names read best as a text)

FIRST = (
    "Ann Ben Aino Ville Siiri Onni Liisa Eero Ingrid Sigurd Astrid Håkon Maja Jonas Freja Emil Zoë Renée "
    "José Lucía Mateo Chloé Amélie Łukasz Agnieszka Søren Yasmin Omar Priya Arjun Wei Mei Hana Kenji "
    "Chidi Ngozi Olena Taras Ewa Noah Grace Elif Deniz Anaïs Björk Þór"
).split()
LAST = (
    "Virtanen, Korhonen, Mäkelä, Nieminen, Hansen, Ødegård, Johansen, Berg, Larsen, Smith, O'Brien, "
    "D'Angelo, García, Muñoz, Müller, Weiß, Nowak, Wójcik, Dvořák, Kowalczyk, Sharma, Patel, Okafor, "
    "Adeyemi, Chen, Tanaka, Suzuki, Kim, Nguyễn, Şahin, Yılmaz, Kovačević, van der Berg, de la Cruz, "
    "Smith-Jones, MacLeod, Þórsdóttir, Bondarenko"
).split(", ")

# Names that forms, databases and e-mails have stumbled over: (first, last).
ODD = (
    ("Ann 🫖", "Teapot"),
    ("👩‍👩‍👧", "Family"),
    ("محمد", "العربي"),
    ("שרה", "כהן"),
    ("伟", "王"),
    ("さくら", "山本"),
    ("민준", "김"),
    ("Анна", "Иванова"),
    ("Ελένη", "Παπαδοπούλου"),
    ("นภา", "ศรีสุข"),
    ("N'Golo", "O'Neill-D'Souza"),
    ("Null", "Null"),
    ("Robert'); DROP TABLE people;--", "Tables"),
    ("<b>Bold</b>", "& Sons"),
    ("{{ person.first_name }}", "Template"),
    ("X", ""),
    ("", "Mononym"),
    ("Cafe\u0301", "Zo\u0308e\u0308"),
    ("Hubert Blaine " + "Wolfe" * 20, "Schlegelstein" * 10),
    ("ＦＵＬＬ", "ＷＩＤＴＨ"),
    ("Zalgo\u0335\u0321", "Te\u0337xt"),
    ("\u202eRight", "To Left"),
    ("Tab\tbed", "New\nline"),
)
DOMAINS = (
    "kettle.test",
    "postbox.test",
    "mail.kettle.test",
    "letters.test",
    "fjord.test",
    "inbox-seven.test",
    "samovar.test",
)
INTERNATIONAL_DOMAINS = ("xn--bcher-kva.test", "bücher.test", "xn--r8jz45g.test", "例え.test", "xn--80ak6aa92e.test")

PHONES = {
    "FI": ("040 123 45{0:02}", "+358 50 765 43{0:02}", "(+358) 44-98765{0:02}", "+49 1512 34567{0:02}"),
    "NO": ("412 34 5{0:02}", "+47 922 33 4{0:02}", "0047 98765 4{0:02}", "+46 70 123 45 {0:02}"),
    "US": ("(207) 555-01{0:02}", "+1 503 555 01{0:02}", "1-617-555-01{0:02}", "+1 (802) 555 01{0:02}"),
}
BAD_PHONES = ("call me", "12345", "+999 123", "040-FLOWERS-AND-TEA", "n/a", "+358 40 123", "☎️", "0")
LOCALES = ("fi-FI", "nb-NO", "en-GB", "en-US", "sv-SE", "de-DE", "ar-EG", "ja-JP", "")

GOODS = {
    "EUR": (
        ("SENCHA-100", "Sencha, 100 g", "12.90"),
        ("EARL-250", "Earl Grey, 250 g", "18.50"),
        ("CHAI-50", "Masala chai 🌶, 50 g", "7.25"),
        ("POT-900", "Teapot “Aalto”, 0.9 l", "64.00"),
        ("GIFT", "Gift wrapping", "0.00"),
        ("MATCHA-30", "抹茶 Matcha, 30 g", "29.95"),
    ),
    "NOK": (
        ("YIRGA-250", "Yirgacheffe, 250 g", "149.00"),
        ("MØRK-1000", "Mørkbrent, 1 kg", "389.00"),
        ("KOPP", "Kopp «Nordlys»", "219.50"),
        ("FILTER-100", "Filter, 100 stk.", "59.00"),
    ),
    "USD": (
        ("CANDLE-8", "Balsam candle, 8 oz.", "24.00"),
        ("SOAP", "Sea salt soap", "9.50"),
        ("BLANKET", "Wool blanket “Casco Bay”", "148.00"),
    ),
}
LANDING_PAGES = (
    "/",
    "/tea/green?utm_source=friend",
    "/collections/new",
    "/offers/first-cup",
    "/søk?q=kaffe",
    "/products/抹茶",
)
REFERRERS = (
    "",
    "",
    "https://www.instagram.com/",
    "https://t.co/",
    "https://duckduckgo.com/",
    "android-app://com.whatsapp/",
)
