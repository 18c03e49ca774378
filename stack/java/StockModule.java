package quindex.stack;

import module java.base;

import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.CharArraySet;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.charfilter.HTMLStripCharFilter;
import org.apache.lucene.analysis.core.KeywordTokenizer;
import org.apache.lucene.analysis.en.*;
import org.apache.lucene.analysis.miscellaneous.*;
import org.apache.lucene.analysis.ngram.EdgeNGramTokenFilter;
import org.apache.lucene.analysis.snowball.SnowballFilter;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.analysis.th.*;
import org.apache.lucene.analysis.util.ElisionFilter;
import org.elasticsearch.Build;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.index.analysis.*;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.indices.analysis.PreBuiltCacheFactory.CachingStrategy;
import org.elasticsearch.plugins.*;
import org.elasticsearch.rest.*;

/** What a stock node has and the published jars lack. Names and options are the stock ones. */
public final class StockModule extends Plugin implements AnalysisPlugin, ActionPlugin {
    /** Language to Lucene's package. */
    private static final Map<String, String> PACKAGES = Stream.of(("Arabic.ar Armenian.hy Basque.eu Bengali.bn"
        + " Brazilian.br Bulgarian.bg Catalan.ca CJK.cjk Czech.cz Danish.da Dutch.nl English.en Estonian.et"
        + " Finnish.fi French.fr Galician.gl German.de Greek.el Hindi.hi Hungarian.hu Indonesian.id Irish.ga"
        + " Italian.it Latvian.lv Lithuanian.lt Norwegian.no Persian.fa Portuguese.pt Romanian.ro Russian.ru"
        + " Serbian.sr Sorani.ckb Spanish.es Swedish.sv Turkish.tr").split(" ")).map(each -> each.split("\\."))
        .collect(Collectors.toMap(each -> each[0], each -> "org.apache.lucene.analysis." + each[1] + "."));

    /** Of these, stemmer means Lucene's own stemmer also where Snowball has one. */
    private static final Set<String> OWN_STEMMERS = Set.of("arabic", "bengali", "brazilian", "bulgarian", "czech",
        "galician", "greek", "hindi", "indonesian", "latvian", "persian", "sorani");

    private ClusterService cluster;

    @Override public Collection<?> createComponents(PluginServices services) {
        cluster = services.clusterService();
        return List.of();
    }

    @Override public List<PreBuiltAnalyzerProviderFactory> getPreBuiltAnalyzerProviderFactories() {
        Map<String, Supplier<Analyzer>> analyzers = new HashMap<>();
        // Not every Java runtime can split Thai into words; without, a run of Thai letters is one word.
        analyzers.put("thai", () -> ThaiTokenizer.DBBI_AVAILABLE ? new ThaiAnalyzer()
            : new StandardAnalyzer(ThaiAnalyzer.getDefaultStopSet()));
        PACKAGES.forEach((language, place) -> analyzers.put(language.toLowerCase(Locale.ROOT),
            () -> (Analyzer) make(place + language + "Analyzer")));
        return analyzers.entrySet().stream().map(each -> new PreBuiltAnalyzerProviderFactory(
            each.getKey(), CachingStrategy.ONE, each.getValue())).toList();
    }

    @Override public List<PreConfiguredTokenizer> getPreConfiguredTokenizers() {
        return List.of(PreConfiguredTokenizer.singleton("keyword", KeywordTokenizer::new));
    }

    @Override public List<PreConfiguredCharFilter> getPreConfiguredCharFilters() {
        return List.of(PreConfiguredCharFilter.singleton("html_strip", false, HTMLStripCharFilter::new));
    }

    @Override public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        return Map.of(
            "asciifolding", (index, environment, name, options) ->
                new Folding(name, options.getAsBoolean("preserve_original", false)),
            "edge_ngram", filter((in, options) -> new EdgeNGramTokenFilter(in, options.getAsInt("min_gram", 1),
                options.getAsInt("max_gram", 2), options.getAsBoolean("preserve_original", false))),
            "elision", AnalysisPlugin.requiresAnalysisSettings(filter((in, options) -> new ElisionFilter(in,
                new CharArraySet(options.getAsList("articles"), options.getAsBoolean("articles_case", false))))),
            "length", filter((in, options) -> new LengthFilter(in, options.getAsInt("min", 0),
                options.getAsInt("max", Integer.MAX_VALUE))),
            "snowball", filter((in, options) -> new SnowballFilter(in, options.get("language", "English"))),
            "stemmer", filter((in, options) -> stem(in, options.get("language", "porter"))));
    }

    /** The only one here that may be part of a normalizer. */
    private record Folding(String name, boolean preserve) implements NormalizingTokenFilterFactory {
        public TokenStream create(TokenStream in) { return new ASCIIFoldingFilter(in, preserve); }
    }

    private static AnalysisProvider<TokenFilterFactory> filter(BiFunction<TokenStream, Settings, TokenStream> make) {
        record Filter(String name, UnaryOperator<TokenStream> make) implements TokenFilterFactory {
            public TokenStream create(TokenStream in) { return make.apply(in); }
        }
        return (index, environment, name, options) -> {
            make.apply(new EmptyTokenStream(), options); // refuses wrong options now, not at the first document
            return new Filter(name, in -> make.apply(in, options));
        };
    }

    /** light_french is FrenchLightStemFilter; french is the Snowball stemmer, where Lucene has nothing better. */
    private static TokenStream stem(TokenStream in, String name) {
        int cut = name.indexOf('_');
        String language = Strings.capitalize(name.substring(cut + 1));
        String strength = cut < 0 ? "" : Strings.capitalize(name.substring(0, cut));
        return switch (name) {
            case "porter", "english" -> new PorterStemFilter(in);
            case "light_english" -> new KStemFilter(in);
            case "possessive_english" -> new EnglishPossessiveFilter(in);
            default -> cut < 0 && !OWN_STEMMERS.contains(name) ? new SnowballFilter(in, language)
                : (TokenStream) make(PACKAGES.getOrDefault(language, "") + language + strength + "StemFilter", in);
        };
    }

    private static Object make(String type, TokenStream... in) {
        try {
            Class<?>[] types = Stream.of(in).map(each -> TokenStream.class).toArray(Class<?>[]::new);
            return Class.forName(type).getConstructor(types).newInstance((Object[]) in);
        } catch (ReflectiveOperationException error) {
            throw new IllegalArgumentException("no " + type, error);
        }
    }

    @Override public Collection<RestHandler> getRestHandlers(
        RestHandlersServices services, Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> features) {
        return List.of(new Root());
    }

    private final class Root implements RestHandler {
        @Override public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
        }

        @Override public void handleRequest(RestRequest request, RestChannel channel, NodeClient client) throws IOException {
            Build build = Build.current();
            channel.sendResponse(new RestResponse(RestStatus.OK, channel.newBuilder().map(Map.of(
                "name", cluster.getNodeName(), "cluster_name", cluster.getClusterName().value(),
                "cluster_uuid", cluster.state().metadata().clusterUUID(), "tagline", "You Know, for Search",
                "version", Map.of("number", build.qualifiedVersion(), "build_flavor", "default",
                    "build_hash", build.hash(), "build_date", build.date(), "build_snapshot", build.isSnapshot(),
                    "lucene_version", org.apache.lucene.util.Version.LATEST.toString())))));
        }
    }
}
