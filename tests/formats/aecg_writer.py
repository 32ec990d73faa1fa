"""Writes HL7 aECG as the FDA's implementation guide has it, apart from the package."""

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
SUBJECT = (
    '<id root="1.2.3" extension="SBJ-7"/><subjectDemographicPerson><name>AB</name>'
    '<administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="19600614"/>'
    "</subjectDemographicPerson>"
)
RECORDED = '<low value="20250614100544.000"/><high value="20250614100554.000"/>'


def sequence(code, value):
    return f'<component><sequence><code code="{code}"/><value {value}</value></sequence></component>'


def times(increment='value="0.002" unit="s"', head='value="20250614100544.000"', code="TIME_ABSOLUTE"):
    kind = "GLIST_TS" if code == "TIME_ABSOLUTE" else "GLIST_PQ"
    return sequence(code, f'xsi:type="{kind}"><head {head}/><increment {increment}/>')


def lead(name, digits, scale='value="2.5" unit="uV"', origin='value="0" unit="uV"', prefix="MDC_ECG_LEAD_"):
    """A lead; None for scale or origin leaves it out."""
    quantities = f"<origin {origin}/>" * (origin is not None) + f"<scale {scale}/>" * (scale is not None)
    text = digits if isinstance(digits, str) else "\n " + " ".join(map(str, digits))
    return sequence(f"{prefix}{name.upper()}", f'xsi:type="SLIST_PQ">{quantities}<digits>{text}</digits>')


def sequence_set(*sequences):
    return f"<component><sequenceSet>{''.join(sequences)}</sequenceSet></component>"


def rhythm_set(digital, names=LEADS, time=None, **kinds):
    """A sequence set of samples, shape (n_leads, n_samples)."""
    leads = [lead(name, list(row), **kinds) for name, row in zip(names, digital, strict=True)]
    return sequence_set(times() if time is None else time, *leads)


def series(*sets, code="RHYTHM", recorded=RECORDED, derived=""):
    return (
        f'<component><series><id root="1"/><code code="{code}" codeSystem="2.16.840.1.113883.5.4"/>'
        f"<effectiveTime>{recorded}</effectiveTime>{''.join(sets)}"
        f"<derivation><derivedSeries>{derived}</derivedSeries></derivation></series></component>"
    )


def make_aecg(*all_series, subject=SUBJECT, recorded='<center value="20250614"/>', more="", encoding="utf-8"):
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<AnnotatedECG xmlns="urn:hl7-org:v3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" type="Observation"><id root="2"/>'
        f'<code code="93000" codeSystem="2.16.840.1.113883.6.12"/><effectiveTime>{recorded}</effectiveTime>'
        "<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>"
        f"{subject}</trialSubject></subject></subjectAssignment></componentOf></timepointEvent></componentOf>"
        f"{more}{''.join(all_series)}</AnnotatedECG>\n"
    )
    return text.encode(encoding)
