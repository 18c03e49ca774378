package quindex.stack;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.analysis.th.ThaiAnalyzer;
import org.apache.lucene.analysis.th.ThaiTokenizer;
import org.elasticsearch.Build;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.index.analysis.PreBuiltAnalyzerProviderFactory;
import org.elasticsearch.indices.analysis.PreBuiltCacheFactory.CachingStrategy;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.XContentBuilder;

/** What a stock node has and the published jars lack: language analyzers, and the answer to GET /. */
public final class StockModule extends Plugin implements AnalysisPlugin, ActionPlugin {
    /** Lucene's package and class name of each analyzer; its stock name is the latter in lower case. */
    private static final String ANALYZERS = "ar.Arabic hy.Armenian eu.Basque bn.Bengali br.Brazilian"
        + " bg.Bulgarian ca.Catalan cjk.CJK cz.Czech da.Danish nl.Dutch en.English et.Estonian fi.Finnish"
        + " fr.French gl.Galician de.German el.Greek hi.Hindi hu.Hungarian id.Indonesian ga.Irish it.Italian"
        + " lv.Latvian lt.Lithuanian no.Norwegian fa.Persian pt.Portuguese ro.Romanian ru.Russian sr.Serbian"
        + " ckb.Sorani es.Spanish sv.Swedish tr.Turkish";

    private ClusterService cluster;

    @Override
    public Collection<?> createComponents(PluginServices services) {
        cluster = services.clusterService();
        return List.of();
    }

    @Override
    public List<PreBuiltAnalyzerProviderFactory> getPreBuiltAnalyzerProviderFactories() {
        List<PreBuiltAnalyzerProviderFactory> factories = new ArrayList<>();
        for (String analyzer : ANALYZERS.split(" ")) {
            String name = analyzer.substring(analyzer.indexOf('.') + 1).toLowerCase();
            factories.add(new PreBuiltAnalyzerProviderFactory(
                name, CachingStrategy.ONE, () -> (Analyzer) lucene(analyzer + "Analyzer")));
        }
        factories.add(new PreBuiltAnalyzerProviderFactory("thai", CachingStrategy.ONE, StockModule::thai));
        return factories;
    }

    /** Not every Java runtime can split Thai into words; without, a run of Thai letters is one word. */
    private static Analyzer thai() {
        return ThaiTokenizer.DBBI_AVAILABLE
            ? new ThaiAnalyzer() : new StandardAnalyzer(ThaiAnalyzer.getDefaultStopSet());
    }

    private static Object lucene(String name) {
        try {
            return Class.forName("org.apache.lucene.analysis." + name).getConstructor().newInstance();
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }

    @Override
    public Collection<RestHandler> getRestHandlers(
        RestHandlersServices services, Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> features) {
        return List.of(new Root());
    }

    private final class Root extends BaseRestHandler {
        @Override
        public String getName() {
            return "main_action";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            return channel -> channel.sendResponse(new RestResponse(RestStatus.OK, body(channel.newBuilder())));
        }

        private XContentBuilder body(XContentBuilder body) throws IOException {
            ClusterState state = cluster.state();
            Build build = Build.current();
            body.startObject().field("name", cluster.getNodeName());
            body.field("cluster_name", state.getClusterName().value());
            body.field("cluster_uuid", state.metadata().clusterUUID());
            body.startObject("version").field("number", build.qualifiedVersion());
            body.field("build_flavor", "default").field("build_type", build.type().displayName());
            body.field("build_hash", build.hash()).field("build_date", build.date());
            body.field("build_snapshot", build.isSnapshot());
            body.field("lucene_version", org.apache.lucene.util.Version.LATEST.toString());
            body.field("minimum_wire_compatibility_version", build.minWireCompatVersion());
            body.field("minimum_index_compatibility_version", build.minIndexCompatVersion()).endObject();
            return body.field("tagline", "You Know, for Search").endObject();
        }
    }
}
