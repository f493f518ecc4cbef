"""Headers that people give to columns, in English, German, French, Spanish and Italian, by the field they mean.

Compared without case, accents and punctuation, and as a whole: *Accepts Email Marketing* is no address.
"""

import unicodedata
from collections.abc import Mapping
from functools import cache

HEADERS: Mapping[str, str] = {
    "email": """email; e-mail address; mail; mail address; email addr; contact email; customer email; user email;
        email 1; primary email; E-Mail-Adresse; Mailadresse; adresse e-mail; adresse mail; courriel; adresse courriel;
        correo; correo electrónico; dirección de correo electrónico; indirizzo e-mail; posta elettronica""",
    "phone_number": """phone; phone number; phone no; phone 1; telephone; telephone number; tel; tel no; mobile;
        mobile number; mobile phone; cell; cell phone; cellphone; sms number; customer phone; Telefon; Telefonnummer;
        Tel.-Nr.; Handy; Handynummer; Mobil; Mobilnummer; Mobiltelefon; Rufnummer; téléphone; numéro de téléphone;
        portable; téléphone portable; numéro de portable; teléfono; número de teléfono; móvil; teléfono móvil; celular;
        telefono; numero di telefono; cellulare; numero di cellulare""",
    "external_id": """external id; customer id; customer number; customer no; client id; user id; member id; contact id;
        Kundennummer; Kunden-Nr.; Kunden-ID; KdNr; numéro client; id client; identifiant client; número de cliente;
        id cliente; id de cliente; codice cliente; numero cliente""",
    "first_name": """first name; firstname; given name; forename; fname; customer first name; Vorname; prénom; nombre;
        nombre de pila; nome""",
    "last_name": """last name; surname; family name; lname; second name; customer last name; Nachname; Familienname;
        Zuname; nom; nom de famille; apellido; apellidos; cognome""",
    "title": "title; job title; position; role; Berufsbezeichnung; Position; fonction; poste; cargo; puesto; qualifica",
    "organization": """organization; organisation; company; company name; business; employer; Firma; Unternehmen;
        Firmenname; Organisation; société; entreprise; empresa; compañía; organización; azienda; società; ditta""",
    "locale": "locale; language; language code; lang; Sprache; langue; idioma; lingua",
    "image": "image; image url; photo; photo url; picture; avatar; avatar url; Bild; Foto; imagen; immagine",
    "location.address1": """address; address 1; address line 1; street; street address; Adresse; Anschrift; Straße;
        Strasse und Hausnummer; Straße Nr; rue; adresse 1; dirección; calle; dirección 1; indirizzo; via""",
    "location.address2": """address 2; address line 2; apartment; suite; Adresszusatz; complément d'adresse; adresse 2;
        dirección 2; indirizzo 2""",
    "location.city": "city; town; locality; Stadt; Ort; Wohnort; ville; ciudad; localidad; città; comune",
    "location.country": """country; country code; Land; Ländercode; pays; code pays; país; código de país; paese;
        nazione""",
    "location.region": """region; state; province; state province; province code; county; Bundesland; Kanton; région;
        département; región; provincia; estado; regione""",
    "location.zip": """zip; zip code; zipcode; postal code; postcode; post code; PLZ; Postleitzahl; code postal; cp;
        código postal; cap; codice postale""",
    "location.latitude": "latitude; lat; Breitengrad; latitud; latitudine",
    "location.longitude": "longitude; lng; lon; long; Längengrad; longitud; longitudine",
    "location.timezone": "time zone; timezone; tz; Zeitzone; fuseau horaire; zona horaria; fuso orario",
    "location.ip": "ip; ip address; IP-Adresse; adresse ip; dirección ip; indirizzo ip",
    "consent.email": """accepts email marketing; accepts marketing; email consent; email opt in;
        email marketing consent; subscribed;
        subscribed to email; email subscribed; newsletter; newsletter opt in; marketing consent; opt in;
        Newsletter abonniert; Einwilligung E-Mail; Werbeeinwilligung; accepte les e-mails marketing;
        consentement e-mail; acepta marketing por correo electrónico; consentimiento email; accetta email marketing;
        consenso email""",
    "consent.sms": """accepts sms marketing; sms consent; sms opt in; sms marketing consent; subscribed to sms;
        sms subscribed; Einwilligung SMS; accepte les sms marketing; consentement sms; acepta marketing por sms;
        consentimiento sms; accetta sms marketing; consenso sms""",
    "consent.consented_at": """consented at; consent date; consent time; opt in date; opted in at; opt in time;
        subscribed at; Einwilligung am; Datum der Einwilligung; date de consentement; fecha de consentimiento;
        data consenso""",
}
OF_EVENTS: Mapping[str, str] = {
    "value": """value; total; amount; price; revenue; order total; total price; grand total; Betrag; Summe;
        Gesamtbetrag; Umsatz; Preis; montant; prix; importe; precio; importo; prezzo; totale""",
    "value_currency": "currency; currency code; value currency; Währung; devise; moneda; divisa; valuta",
    "time": """time; date; timestamp; happened at; occurred at; at; created at; order date; ordered at; Datum; Zeit;
        Zeitpunkt; Bestelldatum; Uhrzeit; horodatage; date de commande; fecha; hora; fecha de pedido; data; data ordine;
        ora""",
    "metric": "event; event name; metric; metric name; action; Ereignis; événement; evento",
}
BEFORE_ADDRESSES = ("defaultaddress", "billing", "shipping", "mailing", "home")


def field_of(header: str, *, is_event: bool = False) -> str:
    """The field that a header means; empty for what is none of the table."""
    folded = fold(header)
    if is_event and (found := _table(True).get(folded)):
        return found
    if found := _table(False).get(folded):
        return found
    for before in BEFORE_ADDRESSES:
        if folded.startswith(before):
            found = _table(False).get(folded.removeprefix(before), "")
            return found if found.startswith("location.") else ""
    return ""


def fold(text: str) -> str:
    """Letters and digits alone, without case and accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in apart if character.isalnum())


@cache
def _table(is_of_events: bool) -> dict[str, str]:
    told = OF_EVENTS if is_of_events else HEADERS
    return {fold(word): field for field, words in told.items() for word in words.split(";")}
