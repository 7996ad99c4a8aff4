//! What generated messages look like: one envelope, one document a message type. Structure after catalogue 5.13.
//!
//! `{name}` is a place to be filled; which names there are is known to the parent module.

/// A message type that can be made up.
#[derive(Debug)]
pub(super) struct Kind {
    /// The message: `pacs.008`.
    pub(super) name: &'static str,
    /// Its version in the catalogue.
    pub(super) version: &'static str,
    /// The content of `Document`.
    pub(super) document: &'static str,
}

/// Declaration, header with a signature of three references, and the place of the document.
pub(super) const ENVELOPE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\
<Envelope xmlns=\"https://www.bcb.gov.br/pi/{type}/{version}\"><AppHdr>\
<Fr><FIId><FinInstnId><Othr><Id>{from}</Id></Othr></FinInstnId></FIId></Fr>\
<To><FIId><FinInstnId><Othr><Id>{to}</Id></Othr></FinInstnId></FIId></To>\
<BizMsgIdr>{id}</BizMsgIdr><MsgDefIdr>{type}.spi.{version}</MsgDefIdr><CreDt>{created}</CreDt><Sgntr>\
<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo>\
<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>\
<ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/>\
<ds:Reference URI=\"#key-info-id\"><ds:Transforms>\
<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></ds:Transforms>\
<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>\
<ds:Reference URI=\"\"><ds:Transforms>\
<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>\
<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></ds:Transforms>\
<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>\
<ds:Reference><ds:Transforms>\
<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></ds:Transforms>\
<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>\
<ds:SignatureValue>{signature}</ds:SignatureValue><ds:KeyInfo Id=\"key-info-id\"><ds:X509Data><ds:X509IssuerSerial>\
<ds:X509IssuerName>CN=pix-stream generated messages, O=Nobody at All, C=BR</ds:X509IssuerName>\
<ds:X509SerialNumber>{serial}</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo></ds:Signature>\
</Sgntr></AppHdr><Document>{document}</Document></Envelope>";

/// The types, sorted by name.
pub(super) const KINDS: [Kind; 11] = [
    Kind { name: "admi.002", version: "1.5", document: ADMI_002 },
    Kind { name: "admi.004", version: "1.2", document: ADMI_004 },
    Kind { name: "camt.052", version: "1.3", document: CAMT_052 },
    Kind { name: "camt.053", version: "1.4", document: CAMT_053 },
    Kind { name: "camt.054", version: "1.16", document: CAMT_054 },
    Kind { name: "camt.060", version: "1.9", document: CAMT_060 },
    Kind { name: "pacs.002", version: "1.17", document: PACS_002 },
    Kind { name: "pacs.004", version: "1.5", document: PACS_004 },
    Kind { name: "pacs.008", version: "1.16", document: PACS_008 },
    Kind { name: "pibr.001", version: "1.3", document: PIBR_001 },
    Kind { name: "pibr.002", version: "1.3", document: PIBR_002 },
];

const ADMI_002: &str = "<admi.002.001.01><RltdRef><Ref>{their_id}</Ref></RltdRef>\
<Rsn><RjctgPtyRsn>Mensagem fora do leiaute</RjctgPtyRsn><RjctnDtTm>{created}</RjctnDtTm>\
<ErrLctn>/Envelope/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[1]/Purp</ErrLctn>\
<RsnDesc>Falta o elemento Purp</RsnDesc><AddtlData>EndToEndId={their_end_to_end}</AddtlData></Rsn></admi.002.001.01>";

const ADMI_004: &str = "<SysEvtNtfctn><EvtInf><EvtCd>SPI</EvtCd>\
<EvtDesc>Aviso de ensaio {number}: nada muda para o participante.</EvtDesc></EvtInf></SysEvtNtfctn>";

const CAMT_052: &str = "<BkToCstmrAcctRpt><GrpHdr><MsgId>{id}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>\
<Rpt><Id>{their_id}</Id><Acct><Id><Othr><Id>{to}</Id></Othr></Id></Acct>\
<TxsSummry><TtlNtries><NbOfNtries>{number}</NbOfNtries></TtlNtries></TxsSummry>\
<AddtlRptInf>https://arquivos.example/{to}/extrato-{date}.gz</AddtlRptInf></Rpt></BkToCstmrAcctRpt>";

const CAMT_053: &str = "<BkToCstmrStmt><GrpHdr><MsgId>{id}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>\
<Stmt><Id>{their_id}</Id><Acct><Id><Othr><Id>{to}</Id></Othr></Id></Acct>\
<Bal><Tp><CdOrPrtry><Prtry>SADP</Prtry></CdOrPrtry></Tp><Amt Ccy=\"BRL\">{amount}</Amt>\
<CdtDbtInd>CRDT</CdtDbtInd><Dt><DtTm>{created}</DtTm></Dt></Bal>\
<Bal><Tp><CdOrPrtry><Prtry>SABK</Prtry></CdOrPrtry></Tp><Amt Ccy=\"BRL\">{amount}</Amt>\
<CdtDbtInd>CRDT</CdtDbtInd><Dt><DtTm>{created}</DtTm></Dt></Bal></Stmt></BkToCstmrStmt>";

const CAMT_054: &str = "<BkToCstmrDbtCdtNtfctn><GrpHdr><MsgId>{id}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>\
<Ntfctn><Id>{their_id}</Id><Acct><Id><Othr><Id>{to}</Id></Othr></Id></Acct>\
<Ntry><Amt Ccy=\"BRL\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
<BookgDt><Dt>{date}</Dt></BookgDt><ValDt><DtTm>{created}</DtTm></ValDt>\
<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>IRCT</Cd><SubFmlyCd>DMCT</SubFmlyCd></Fmly></Domn></BkTxCd>\
<AddtlInfInd><MsgNmId>pacs.008</MsgNmId></AddtlInfInd><NtryDtls><TxDtls>\
<Refs><InstrId>{end_to_end}</InstrId><EndToEndId>{end_to_end}</EndToEndId>\
<Prtry><Tp>ServiceLevel</Tp><Ref>PAGPRI</Ref></Prtry></Refs><RltdAgts>\
<DbtrAgt><FinInstnId><ClrSysMmbId><MmbId>{from}</MmbId></ClrSysMmbId></FinInstnId></DbtrAgt>\
<CdtrAgt><FinInstnId><ClrSysMmbId><MmbId>{to}</MmbId></ClrSysMmbId></FinInstnId></CdtrAgt>\
</RltdAgts></TxDtls></NtryDtls></Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn>";

const CAMT_060: &str = "<AcctRptgReq><GrpHdr><MsgId>{id}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>\
<RptgReq><ReqdMsgNmId>camt.052</ReqdMsgNmId>\
<AcctOwnr><Agt><FinInstnId><ClrSysMmbId><MmbId>{from}</MmbId></ClrSysMmbId></FinInstnId></Agt></AcctOwnr>\
<RptgPrd><FrToDt><FrDt>{date}</FrDt><ToDt>{date}</ToDt></FrToDt>\
<FrToTm><FrTm>09:00:00.000Z</FrTm><ToTm>10:30:00.000Z</ToTm></FrToTm><Tp>ALLL</Tp></RptgPrd></RptgReq></AcctRptgReq>";

const PACS_002: &str = "<FIToFIPmtStsRpt><GrpHdr><MsgId>{id}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>\
<TxInfAndSts><OrgnlInstrId>{their_end_to_end}</OrgnlInstrId><OrgnlEndToEndId>{their_end_to_end}</OrgnlEndToEndId>\
<TxSts>ACSC</TxSts><FctvIntrBkSttlmDt><DtTm>{created}</DtTm></FctvIntrBkSttlmDt>\
<OrgnlTxRef><IntrBkSttlmDt>{date}</IntrBkSttlmDt></OrgnlTxRef></TxInfAndSts></FIToFIPmtStsRpt>";

const PACS_004: &str = "<PmtRtr><GrpHdr><MsgId>{id}</MsgId><CreDtTm>{created}</CreDtTm>\
<NbOfTxs>1</NbOfTxs><SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf></GrpHdr>\
<TxInf><RtrId>{return}</RtrId><OrgnlEndToEndId>{their_end_to_end}</OrgnlEndToEndId>\
<RtrdIntrBkSttlmAmt Ccy=\"BRL\">{amount}</RtrdIntrBkSttlmAmt><SttlmPrty>HIGH</SttlmPrty><ChrgBr>SLEV</ChrgBr>\
<RtrRsnInf><Rsn><Cd>MD06</Cd></Rsn><AddtlInf>Devolução pedida pelo recebedor</AddtlInf></RtrRsnInf>\
<OrgnlTxRef><RmtInf><Ustrd>{remark}</Ustrd></RmtInf>\
<DbtrAgt><FinInstnId><ClrSysMmbId><MmbId>{to}</MmbId></ClrSysMmbId></FinInstnId></DbtrAgt>\
<CdtrAgt><FinInstnId><ClrSysMmbId><MmbId>{from}</MmbId></ClrSysMmbId></FinInstnId></CdtrAgt>\
</OrgnlTxRef></TxInf></PmtRtr>";

const PACS_008: &str = "<FIToFICstmrCdtTrf><GrpHdr><MsgId>{id}</MsgId><CreDtTm>{created}</CreDtTm>\
<NbOfTxs>1</NbOfTxs><SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf>\
<PmtTpInf><InstrPrty>HIGH</InstrPrty><SvcLvl><Prtry>PAGPRI</Prtry></SvcLvl></PmtTpInf></GrpHdr>\
<CdtTrfTxInf><PmtId><EndToEndId>{end_to_end}</EndToEndId></PmtId>\
<IntrBkSttlmAmt Ccy=\"BRL\">{amount}</IntrBkSttlmAmt><AccptncDtTm>{created}</AccptncDtTm><ChrgBr>SLEV</ChrgBr>\
<MndtRltdInf><Tp><LclInstrm><Prtry>DICT</Prtry></LclInstrm></Tp></MndtRltdInf>\
<Dbtr><Nm>{person}</Nm><Id><PrvtId><Othr><Id>{document_number}</Id></Othr></PrvtId></Id></Dbtr>\
<DbtrAcct><Id><Othr><Id>{account}</Id><Issr>{branch}</Issr></Othr></Id><Tp><Cd>CACC</Cd></Tp></DbtrAcct>\
<DbtrAgt><FinInstnId><ClrSysMmbId><MmbId>{from}</MmbId></ClrSysMmbId></FinInstnId></DbtrAgt>\
<CdtrAgt><FinInstnId><ClrSysMmbId><MmbId>{to}</MmbId></ClrSysMmbId></FinInstnId></CdtrAgt>\
<Cdtr><Id><PrvtId><Othr><Id>{document_number}</Id></Othr></PrvtId></Id></Cdtr>\
<CdtrAcct><Id><Othr><Id>{account}</Id><Issr>{branch}</Issr></Othr></Id><Tp><Cd>TRAN</Cd></Tp>\
<Prxy><Id>{document_number}</Id></Prxy></CdtrAcct>\
<Purp><Cd>IPAY</Cd></Purp><RmtInf><Ustrd>{remark}</Ustrd></RmtInf></CdtTrfTxInf></FIToFICstmrCdtTrf>";

const PIBR_001: &str = "<EchoReq><GrpHdr><MsgId>{id}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>\
<EchoTxInf><Data>{remark}</Data></EchoTxInf></EchoReq>";

const PIBR_002: &str = "<EchoRpt><GrpHdr><MsgId>{id}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>\
<EchoTxInf><OrgnlData>{remark}</OrgnlData></EchoTxInf></EchoRpt>";
