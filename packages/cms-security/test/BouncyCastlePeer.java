import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.List;
import java.util.Scanner;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1Primitive;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cert.jcajce.JcaX509CertificateHolder;
import org.bouncycastle.cms.CMSCompressedDataParser;
import org.bouncycastle.cms.CMSCompressedDataStreamGenerator;
import org.bouncycastle.cms.CMSEnvelopedDataParser;
import org.bouncycastle.cms.CMSEnvelopedDataStreamGenerator;
import org.bouncycastle.cms.CMSSignedDataParser;
import org.bouncycastle.cms.CMSSignedDataStreamGenerator;
import org.bouncycastle.cms.RecipientInformation;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.cms.jcajce.JceCMSContentEncryptorBuilder;
import org.bouncycastle.cms.jcajce.JceKeyTransEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransRecipientInfoGenerator;
import org.bouncycastle.cms.jcajce.ZlibCompressor;
import org.bouncycastle.cms.jcajce.ZlibExpanderProvider;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.DigestCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaAlgorithmParametersConverter;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * Seals and opens CMS files with Bouncy Castle. Arguments: certificate (DER) and key (PKCS#8, DER). Every line of input is
 * one job, its words separated by tabs:
 *
 *   seal IN OUT SIGNATURE COMPRESS CIPHER OAEP   signature algorithm, true or false, OID, hash of OAEP; "-" for none
 *   open IN OUT                                  every layer that is found; prints what they were
 */
public class BouncyCastlePeer {
  private static X509Certificate certificate;
  private static PrivateKey key;
  private static DigestCalculatorProvider digests;

  public static void main(String[] arguments) throws Exception {
    Security.addProvider(new BouncyCastleProvider());
    try (InputStream in = Files.newInputStream(Path.of(arguments[0]))) {
      certificate = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
    }
    byte[] pkcs8 = Files.readAllBytes(Path.of(arguments[1]));
    key = java.security.KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
    digests = new JcaDigestCalculatorProviderBuilder().setProvider("BC").build();
    Scanner jobs = new Scanner(System.in);
    while (jobs.hasNextLine()) {
      List<String> job = List.of(jobs.nextLine().split("\t"));
      byte[] input = Files.readAllBytes(Path.of(job.get(1)));
      byte[] output = job.get(0).equals("open") ? open(input) : seal(input, job);
      Files.write(Path.of(job.get(2)), output);
    }
  }

  private static byte[] seal(byte[] content, List<String> job) throws Exception {
    byte[] sealed = content;
    if (!job.get(3).equals("-")) sealed = sign(sealed, job.get(3));
    if (job.get(4).equals("true")) sealed = compress(sealed);
    if (!job.get(5).equals("-")) sealed = encrypt(sealed, job.get(5), job.get(6));
    return sealed;
  }

  private static byte[] sign(byte[] content, String algorithm) throws Exception {
    CMSSignedDataStreamGenerator generator = new CMSSignedDataStreamGenerator();
    generator.addSignerInfoGenerator(
        new JcaSignerInfoGeneratorBuilder(digests)
            .build(
                new JcaContentSignerBuilder(algorithm).setProvider("BC").build(key),
                new JcaX509CertificateHolder(certificate)));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (OutputStream layer = generator.open(out, true)) {
      layer.write(content);
    }
    return out.toByteArray();
  }

  private static byte[] compress(byte[] content) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (OutputStream layer = new CMSCompressedDataStreamGenerator().open(out, new ZlibCompressor())) {
      layer.write(content);
    }
    return out.toByteArray();
  }

  private static byte[] encrypt(byte[] content, String cipher, String oaep) throws Exception {
    CMSEnvelopedDataStreamGenerator generator = new CMSEnvelopedDataStreamGenerator();
    generator.addRecipientInfoGenerator(
        oaep.equals("-")
            ? new JceKeyTransRecipientInfoGenerator(certificate).setProvider("BC")
            : new JceKeyTransRecipientInfoGenerator(certificate, oaepAlgorithm(oaep)).setProvider("BC"));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    var encryptor = new JceCMSContentEncryptorBuilder(new ASN1ObjectIdentifier(cipher)).setProvider("BC").build();
    try (OutputStream layer = generator.open(out, encryptor)) {
      layer.write(content);
    }
    return out.toByteArray();
  }

  private static AlgorithmIdentifier oaepAlgorithm(String hash) throws Exception {
    OAEPParameterSpec parameters =
        new OAEPParameterSpec(hash, "MGF1", new MGF1ParameterSpec(hash), PSource.PSpecified.DEFAULT);
    return new JcaAlgorithmParametersConverter()
        .getAlgorithmIdentifier(new ASN1ObjectIdentifier("1.2.840.113549.1.1.7"), parameters);
  }

  private static byte[] open(byte[] message) throws Exception {
    byte[] content = message;
    StringBuilder layers = new StringBuilder();
    for (String type = typeOf(content); type != null; type = typeOf(content)) {
      if (type.equals("1.2.840.113549.1.7.2")) {
        content = verify(content);
        layers.append(" signed");
      } else if (type.equals("1.2.840.113549.1.7.3")) {
        content = decrypt(content);
        layers.append(" encrypted");
      } else if (type.equals("1.2.840.113549.1.9.16.1.9")) {
        content = new CMSCompressedDataParser(content).getContent(new ZlibExpanderProvider()).getContentStream().readAllBytes();
        layers.append(" compressed");
      } else {
        break;
      }
    }
    System.out.println(layers.toString().trim());
    return content;
  }

  private static String typeOf(byte[] bytes) {
    try {
      return ContentInfo.getInstance(ASN1Primitive.fromByteArray(bytes)).getContentType().getId();
    } catch (Exception notCms) {
      return null;
    }
  }

  private static byte[] verify(byte[] message) throws Exception {
    CMSSignedDataParser parser = new CMSSignedDataParser(digests, new ByteArrayInputStream(message));
    byte[] content = parser.getSignedContent().getContentStream().readAllBytes();
    for (SignerInformation signer : parser.getSignerInfos()) {
      var verifier = new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate);
      if (!signer.verify(verifier)) throw new IllegalStateException("the signature does not hold");
    }
    if (parser.getSignerInfos().size() == 0) throw new IllegalStateException("nobody signed");
    return content;
  }

  private static byte[] decrypt(byte[] message) throws Exception {
    CMSEnvelopedDataParser parser = new CMSEnvelopedDataParser(message);
    for (RecipientInformation recipient : parser.getRecipientInfos().getRecipients()) {
      var opener = new JceKeyTransEnvelopedRecipient(key).setProvider("BC");
      return recipient.getContentStream(opener).getContentStream().readAllBytes();
    }
    throw new IllegalStateException("no recipient");
  }
}
